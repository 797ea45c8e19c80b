"""What waits for a second person in the demonstration: the manager asked, the admin may approve."""

from __future__ import annotations

from datetime import datetime

from prepaid.cards.models import Card, Program
from prepaid.identifiers import uuid7
from prepaid.stored_value.approvals.payloads import Adjust
from prepaid.stored_value.approvals.service import ask
from prepaid.stores.models import Staff

# What a manager of the demonstration does alone, in minor units.
ALONE = {
    "adjust_alone_max": 5_000,
    "refund_unlinked_alone_max": 5_000,
    "unblock_alone_max": 50_000,
    "card_return_alone_max": 100_000,
    "bulk_issue_alone_max": 500_000,
    "bulk_import_alone_max": 500_000,
}


def ask_for_second_person(program: Program, *, at: datetime) -> None:
    """Ask for the correction of a top-up that was typed wrongly."""
    card = Card.objects.filter(program=program, state=Card.State.ACTIVE).order_by("issued_at", "id")[0]
    ask(
        Adjust(card_id=card.id, direction="up", amount_minor=18_000, currency=program.currency, bonus=False),
        approval_id=uuid7(),
        transaction_id=uuid7(),
        staff=Staff.objects.get(code="manager"),
        reason="A top-up of 200.00 was typed as 20.00; the cash in the till agrees.",
        at=at,
    )
