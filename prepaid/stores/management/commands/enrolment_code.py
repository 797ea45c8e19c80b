"""Make an enrolment code for a terminal and print it as JSON."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from prepaid.stores.enrolment import create_code
from prepaid.stores.errors import TerminalNameTaken
from prepaid.stores.models import Store, Terminal


class Command(BaseCommand):
    help = "Make a code that enrols one terminal within 15 minutes."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--store", metavar="CODE", help="else the first one")
        parser.add_argument("--name", default="", help="the terminal's name; else T1, T2 and so on")
        parser.add_argument("--standby", action="store_true", help="a spare, not used until promoted")
        parser.add_argument("--json", action="store_true", help="JSON is printed with and without it")

    def handle(self, *args: Any, **options: Any) -> None:
        name = options["name"].strip()
        if len(name) > (Terminal._meta.get_field("name").max_length or 0):
            raise CommandError("A terminal's name has at most 40 characters.")
        store = find_store(options["store"])
        try:
            code, expires_at = create_code(store, name=name, standby=options["standby"], at=timezone.now())
        except TerminalNameTaken as error:
            raise CommandError(str(error)) from error
        self.stdout.write(json.dumps({"code": code, "expires_at": expires_at.isoformat()}))


def find_store(code: str | None) -> Store:
    stores = Store.objects.order_by("code")
    store = (stores.filter(code=code) if code else stores).first()
    if store is None:
        raise CommandError(f"There is no store {code}." if code else "There is no store yet.")
    return store
