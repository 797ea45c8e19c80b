"""Move of value from one account to another, and the merge of two accounts; no bonus is earned by it.

Knows which cards give and take; the lots keep what they are: bonus, tender, campaign and expiry.
"""

from __future__ import annotations

from uuid import UUID

from prepaid.ledger.accounts import general_account_id
from prepaid.money import Money
from prepaid.stored_value.answers import Answer
from prepaid.stored_value.calls import transact
from prepaid.stored_value.card_changes import CHANGE, change_values
from prepaid.stored_value.decline import decline
from prepaid.stored_value.requests import Request

_PLACEHOLDERS = f"%s::uuid, %s::uuid, %s::bigint, %s::text, %s::uuid, {CHANGE}"


def move(request: Request, card_id: UUID, to_card_id: UUID, amount: Money) -> Answer:
    """Move an amount from one card's account to another's, in the order in which a redeem would take it.

    Both cards were opened by staff. The answer tells of the account that gives. Locks both accounts, in the
    order of their ids. A void undoes it. Raises IdReused, TryAgain.
    """
    if not request.origin.trades_in(amount.currency):
        return decline(request, "move", "currency_mismatch", amount=amount)
    return transact(
        "stored_value_move",
        request,
        [
            card_id,
            to_card_id,
            amount.amount_minor,
            amount.currency,
            _transit(request, amount.currency),
            *change_values(None),
        ],
        placeholders=_PLACEHOLDERS,
    )


def merge(
    request: Request, card_id: UUID, to_card_id: UUID, *, reason: str, currency: str | None = None
) -> Answer:
    """Move all that a card's account has to another's, expired lots as well, and close the cards it had.

    `currency` is that of the cards, where it is not the store's own: units. Declined while a hold is open or
    parts of a bonus are to come. Locks the cards that it closes, then both accounts in the order of their
    ids. A void moves the value back and lets the cards run again. Raises IdReused, TryAgain.
    """
    currency = currency or request.origin.currency
    if not request.origin.trades_in(currency):
        return decline(request, "move", "currency_mismatch")
    return transact(
        "stored_value_move",
        request,
        [
            card_id,
            to_card_id,
            None,
            currency,
            _transit(request, currency),
            *change_values("close", reason=reason),
        ],
        placeholders=_PLACEHOLDERS,
    )


def _transit(request: Request, currency: str) -> UUID:
    return general_account_id("move", owner_id=request.origin.store_id, currency=currency)
