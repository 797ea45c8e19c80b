"""Refund: give back value of an earlier redeem or capture, into the very lots that it took."""

from __future__ import annotations

from uuid import UUID

from prepaid.money import Money
from prepaid.stored_value.answers import Answer
from prepaid.stored_value.calls import transact
from prepaid.stored_value.requests import Request


def refund(request: Request, original: UUID, amount: Money) -> Answer:
    """Give back an amount of the original; all refunds together never exceed it. Locks the account.

    Raises IdReused, SequenceReused, TryAgain.
    """
    return transact(
        "stored_value_refund",
        request,
        [original, amount.amount_minor, amount.currency],
        placeholders="%s::uuid, %s::bigint, %s::text",
    )
