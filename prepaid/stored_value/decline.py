"""Declines without a look at the account: a tender not taken, a currency the store does not trade in."""

from __future__ import annotations

from uuid import UUID

from prepaid.cards.presentation import Presentation
from prepaid.money import Money
from prepaid.stored_value.answers import Answer
from prepaid.stored_value.calls import PRESENTED, presented_values, transact
from prepaid.stored_value.requests import Request


def decline(
    request: Request,
    kind: str,
    reason: str,
    *,
    presentation: Presentation | None = None,
    amount: Money | None = None,
    original: UUID | None = None,
) -> Answer:
    """Store a decline for `reason`, or for an earlier one in the order of precedence that the card gives."""
    return transact(
        "stored_value_decline",
        request,
        [
            kind,
            *presented_values(presentation),
            reason,
            None if amount is None else amount.amount_minor,
            None if amount is None else amount.currency,
            original,
        ],
        placeholders=f"%s::text, {PRESENTED}, %s::text, %s::bigint, %s::text, %s::uuid",
    )
