"""Record the rules and rates of the preset files that are not recorded yet."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from prepaid.cards.rules.presets import load_presets


class Command(BaseCommand):
    help = "Record what the preset files say and the database does not know yet. Safe to repeat."

    def handle(self, *args: Any, **options: Any) -> None:
        rules, rates = load_presets(at=timezone.now())
        self.stdout.write(f"{rules} rules and {rates} rates were recorded.")
