"""Say what a store's terminals may approve while they cannot reach the site, and print it as JSON."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import IntegrityError
from django.utils import timezone

from prepaid.stores.management.commands.enrolment_code import find_store
from prepaid.stores.policy import NOTHING_OFFLINE, Limits, set_stand_in

DAY_S = 86_400


class Command(BaseCommand):
    help = "Set a store's stand-in limits, in minor units; --off takes them back."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--store", metavar="CODE", help="else the first one")
        parser.add_argument("--off", action="store_true", help="approve nothing offline")
        parser.add_argument("--per-transaction", type=int, default=10_000, help="most for one purchase")
        parser.add_argument("--per-card", type=int, default=20_000, help="most for one card")
        parser.add_argument("--per-terminal", type=int, default=200_000, help="most for one terminal")
        parser.add_argument("--count", type=int, default=200, help="most purchases of one terminal")
        parser.add_argument("--age-s", type=int, default=DAY_S, help="seconds since the site last answered")
        parser.add_argument("--floor-sun", type=int, help="most with a card that proves itself")
        parser.add_argument("--floor-uid", type=int, default=0, help="most with a plain NFC card")
        parser.add_argument("--floor-qr", type=int, default=0, help="most with a printed code")

    def handle(self, *args: Any, **options: Any) -> None:
        store = find_store(options["store"])
        limits = NOTHING_OFFLINE if options["off"] else _limits(options)
        try:
            made = set_stand_in(store, limits, actor="manage.py", at=timezone.now())
        except IntegrityError as error:
            raise CommandError(
                "Limits rise from purchase to card to terminal; at most 5,000 purchases and 7 days. "
                "Nothing was changed."
            ) from error
        told = {name: getattr(made, name) for name in Limits.__dataclass_fields__}
        self.stdout.write(json.dumps({"store": store.code, "version": made.version, **told}))


def _limits(options: dict[str, Any]) -> Limits:
    floor_sun = options["floor_sun"]
    return Limits(
        per_transaction=options["per_transaction"],
        per_card=options["per_card"],
        per_terminal=options["per_terminal"],
        count=options["count"],
        age_s=options["age_s"],
        floor_sun=options["per_transaction"] if floor_sun is None else floor_sun,
        floor_uid=options["floor_uid"],
        floor_qr=options["floor_qr"],
    )
