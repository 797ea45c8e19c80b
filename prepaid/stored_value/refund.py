"""Refund: give back value of an earlier redeem or capture, into the very lots that it took.

Or, for an approval by two persons, value without an original.
"""

from __future__ import annotations

from uuid import UUID

from prepaid.cards.presentation import Presentation
from prepaid.ledger.accounts import general_account_id
from prepaid.money import Money
from prepaid.stored_value.answers import Answer
from prepaid.stored_value.calls import PRESENTED, presented_values, transact
from prepaid.stored_value.decline import decline
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


def refund_unlinked(request: Request, presentation: Presentation, amount: Money, *, approval: UUID) -> Answer:
    """Give value without an original, as a paid lot of its own, for an approval by two persons.

    `request.note` is the reason that stands on it, and must not be empty. An approval is used once: the next
    one under another id is declined `already_reversed`. Earns no bonus. Locks the card's credential, then its
    account. Raises ValueError without a reason, IdReused, SequenceReused, TryAgain; the database refuses
    what is not that approval's own transaction.
    """
    if not request.note.strip():
        raise ValueError("a refund without an original needs a reason")
    if not request.origin.trades_in(amount.currency):
        return decline(request, "refund", "currency_mismatch", presentation=presentation, amount=amount)
    merchant = general_account_id("merchant", owner_id=request.origin.store_id, currency=amount.currency)
    return transact(
        "stored_value_refund_unlinked",
        request,
        [*presented_values(presentation), amount.amount_minor, amount.currency, approval, merchant],
        placeholders=f"{PRESENTED}, %s::bigint, %s::text, %s::uuid, %s::uuid",
    )
