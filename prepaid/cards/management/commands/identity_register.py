"""Print the register of identities (R6), with the whole numbers, for an authority that asks for it."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand

from prepaid.cards.identity import read_agent_number, read_number
from prepaid.cards.models import Holder


class Command(BaseCommand):
    help = (
        "Print identities recorded between two dates, a line of JSON each, with whole ID numbers: guard it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--from", required=True, type=date.fromisoformat, metavar="DATE", dest="first")
        parser.add_argument("--to", required=True, type=date.fromisoformat, metavar="DATE", dest="last")

    def handle(self, *args: Any, **options: Any) -> None:
        between = (options["first"], options["last"])
        for holder in Holder.objects.filter(identified_at__date__range=between).order_by(
            "identified_at", "id"
        ):
            self.stdout.write(json.dumps(row_of(holder), ensure_ascii=False))


def row_of(holder: Holder) -> dict[str, Any]:
    """Write a holder's identity as the register has it."""
    assert holder.identified_at is not None, "only identified holders are listed"
    return {
        "recorded_at": holder.identified_at.isoformat(),
        "recorded_by": holder.identified_by,
        "kind": holder.kind,
        "name": holder.name,
        "document": holder.id_document,
        "number": read_number(holder),
        "phone": holder.phone,
        "agent": {
            "name": holder.agent_name,
            "number": read_agent_number(holder),
            "phone": holder.agent_phone,
        },
        "cards": [
            str(card) for card in holder.account_set.values_list("cards__last_four", flat=True) if card
        ],
    }
