"""Redeem: spend value of a card at a store."""

from __future__ import annotations

from prepaid.cards.presentation import Presentation
from prepaid.ledger.accounts import general_account_id
from prepaid.money import Money
from prepaid.stored_value.answers import Answer
from prepaid.stored_value.calls import PRESENTED, presented_values, transact
from prepaid.stored_value.decline import decline
from prepaid.stored_value.requests import Request


def redeem(
    request: Request, presentation: Presentation, amount: Money, *, allow_partial: bool = False
) -> Answer:
    """Spend an amount of the presented card, or with `allow_partial` what is available of it.

    Locks the card's credential, then its account. Raises IdReused, SequenceReused, TryAgain.
    """
    if not request.origin.trades_in(amount.currency):
        return decline(request, "redeem", "currency_mismatch", presentation=presentation, amount=amount)
    merchant = general_account_id("merchant", owner_id=request.origin.store_id, currency=amount.currency)
    return transact(
        "stored_value_redeem",
        request,
        [*presented_values(presentation), amount.amount_minor, amount.currency, allow_partial, merchant],
        placeholders=f"{PRESENTED}, %s::bigint, %s::text, %s::boolean, %s::uuid",
    )
