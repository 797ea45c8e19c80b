"""Put a spare terminal in the place of a failed one, and print what it is now as JSON."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from prepaid.cards.hot_list import hot_list_version
from prepaid.stores.errors import PromotionRefused, StandbyNotReady
from prepaid.stores.management.commands.enrolment_code import find_store
from prepaid.stores.models import Terminal
from prepaid.stores.standby import promote


class Command(BaseCommand):
    help = "Promote a standby: it takes over the failed terminal's name and till, and that one is locked."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--store", metavar="CODE", help="else the first one")
        parser.add_argument("--failed", metavar="NAME", required=True, help="the terminal that failed")
        parser.add_argument("--standby", metavar="NAME", help="the spare; else the store's only one")
        parser.add_argument("--reason", required=True, help="what happened")
        parser.add_argument("--by", default="command line", help="who promotes it")

    def handle(self, *args: Any, **options: Any) -> None:
        terminals = Terminal.objects.filter(store=find_store(options["store"]))
        failed = terminals.filter(name=options["failed"]).first()
        if failed is None:
            raise CommandError(f"There is no terminal {options['failed']}.")
        spares = list(terminals.filter(state=Terminal.State.STANDBY).order_by("name"))
        if options["standby"]:
            spares = [spare for spare in spares if spare.name == options["standby"]]
        if len(spares) != 1:
            said = f"{len(spares)} spares answer to that" if spares else "There is no such spare"
            raise CommandError(f"{said}: enrol one, or name it with --standby. Nothing was changed.")
        try:
            promoted = promote(
                spares[0].id,
                failed.id,
                actor=options["by"],
                note=options["reason"],
                hot_list_version=hot_list_version(),
                at=timezone.now(),
            )
        except (StandbyNotReady, PromotionRefused) as error:
            raise CommandError(f"{error.code}: {error}") from error
        till = getattr(promoted, "till", None)
        shown = {"terminal_id": str(promoted.id), "name": promoted.name, "till": till.name if till else None}
        self.stdout.write(json.dumps(shown))
