"""Hold: reserve value of a card, to be captured, released or given back by the clock."""

from __future__ import annotations

from datetime import datetime

from prepaid.cards.presentation import Presentation
from prepaid.money import Money
from prepaid.stored_value.answers import Answer
from prepaid.stored_value.calls import PRESENTED, presented_values, transact
from prepaid.stored_value.requests import Request


def hold(request: Request, presentation: Presentation, amount: Money, *, expires_at: datetime) -> Answer:
    """Reserve an amount of the presented card until `expires_at`.

    Locks the card's credential, then its account. Raises IdReused, SequenceReused, TryAgain.
    """
    return transact(
        "stored_value_hold",
        request,
        [*presented_values(presentation), amount.amount_minor, amount.currency, expires_at],
        placeholders=f"{PRESENTED}, %s::bigint, %s::text, %s::timestamptz",
    )
