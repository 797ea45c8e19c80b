"""Write the file of virtual cards for `python -m terminals simulate`."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from prepaid.stored_value.virtual_cards import CARDS, write_virtual_cards


class Command(BaseCommand):
    help = "Write the demonstration's virtual cards, with their keys, for the card simulator."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--file", type=Path, help="else cards.json in the data folder")

    def handle(self, *args: Any, **options: Any) -> None:
        path = options["file"] or settings.DATA_FOLDER / "cards.json"
        write_virtual_cards(path)
        self.stdout.write(f"{CARDS} virtual cards are in {path}.")
