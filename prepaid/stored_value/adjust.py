"""Adjust: correct what a card holds, up or down, for an approval and a reason.

Knows the posting alone; who must approve it is the approvals' to know.
"""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from prepaid.cards.presentation import at_the_desk
from prepaid.ledger.accounts import general_account_id
from prepaid.money import Money
from prepaid.stored_value.answers import Answer
from prepaid.stored_value.calls import transact
from prepaid.stored_value.decline import decline
from prepaid.stored_value.requests import Request


def adjust(
    request: Request, card_id: UUID, amount: Money, *, direction: Literal["up", "down"], bonus: bool
) -> Answer:
    """Put a paid or bonus lot onto a card, or take an amount from its lots of that kind.

    The other side is the store's general account `adjustment`. `request.note` is the reason, and the id that
    of an approval which is being carried out; without either the database refuses. A down of more than is
    there is declined. Locks the account. Raises ValueError without a reason, IdReused, TryAgain.
    """
    if not request.note.strip():
        raise ValueError("an adjustment needs a reason")
    kind = f"adjust_{direction}"
    if not request.origin.trades_in(amount.currency):
        return decline(request, kind, "currency_mismatch", presentation=at_the_desk(card_id), amount=amount)
    return transact(
        "stored_value_adjust",
        request,
        [
            kind,
            card_id,
            amount.amount_minor,
            amount.currency,
            bonus,
            general_account_id("adjustment", owner_id=request.origin.store_id, currency=amount.currency),
        ],
        placeholders="%s::text, %s::uuid, %s::bigint, %s::text, %s::boolean, %s::uuid",
    )
