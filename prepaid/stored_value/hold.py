"""Hold: reserve value of a card, to be captured, released or given back by the clock."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from prepaid.cards.presentation import Presentation
from prepaid.ledger.accounts import general_account_id
from prepaid.money import Money
from prepaid.stored_value.answers import Answer
from prepaid.stored_value.calls import PRESENTED, presented_values, transact
from prepaid.stored_value.decline import decline
from prepaid.stored_value.requests import Request


def hold(request: Request, presentation: Presentation, amount: Money, *, expires_at: datetime) -> Answer:
    """Reserve an amount of the presented card until `expires_at`.

    Locks the card's credential, then its account. Raises IdReused, SequenceReused, TryAgain.
    """
    if not request.origin.trades_in(amount.currency):
        return decline(request, "hold", "currency_mismatch", presentation=presentation, amount=amount)
    return transact(
        "stored_value_hold",
        request,
        [*presented_values(presentation), amount.amount_minor, amount.currency, expires_at],
        placeholders=f"{PRESENTED}, %s::bigint, %s::text, %s::timestamptz",
    )


def capture(request: Request, original: UUID, amount: Money) -> Answer:
    """Spend an amount from a hold, up to what it holds; the rest is available again.

    Locks the account, then the hold. Raises IdReused, SequenceReused, TryAgain.
    """
    merchant = general_account_id("merchant", owner_id=request.origin.store_id, currency=amount.currency)
    return transact(
        "stored_value_capture",
        request,
        [original, amount.amount_minor, amount.currency, merchant],
        placeholders="%s::uuid, %s::bigint, %s::text, %s::uuid",
    )


def release(request: Request, original: UUID) -> Answer:
    """Give a hold back whole. Locks the account, then the hold. Raises IdReused, SequenceReused, TryAgain."""
    return transact("stored_value_release", request, [original], placeholders="%s::uuid")
