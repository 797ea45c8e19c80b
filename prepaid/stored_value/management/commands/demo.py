"""Make the demonstration data and the virtual cards of its simulated terminal; again, it changes nothing."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from prepaid.ledger.outbox import fold_outbox
from prepaid.stored_value.demonstration import demonstrate
from prepaid.stored_value.virtual_cards import write_virtual_cards


class Command(BaseCommand):
    help = "Make two stores, staff, programs, cards with a month of trade, and the simulator's cards."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.TRIAL:
            raise CommandError("The demonstration's passwords are known to everybody: not with DEBUG=0.")
        made = demonstrate(at=timezone.now())
        fold_outbox()
        write_virtual_cards(settings.DATA_FOLDER / "cards.json")
        if made:
            self.stdout.write("Two stores with a month of trade: log in as cashier, manager or admin.")
        else:
            self.stdout.write("The demonstration is there already.")
