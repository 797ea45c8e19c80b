"""Load: add value to a card against a tender (screens say top-up)."""

from __future__ import annotations

from prepaid.cards.presentation import Presentation
from prepaid.ledger.accounts import general_account_id
from prepaid.money import Money
from prepaid.stored_value.answers import Answer
from prepaid.stored_value.calls import PRESENTED, presented_values, transact
from prepaid.stored_value.decline import decline
from prepaid.stored_value.requests import Request
from prepaid.tenders import Tender


def load(
    request: Request, presentation: Presentation, amount: Money, *, tender: Tender, tender_reference: str = ""
) -> Answer:
    """Add an amount to the presented card against money that came in by `tender`.

    Locks the card's credential, then its account. Raises IdReused, SequenceReused, TryAgain.
    """
    if amount.currency != request.origin.currency:
        return decline(request, "load", "currency_mismatch", presentation=presentation, amount=amount)
    account = general_account_id(tender, owner_id=request.origin.store_id, currency=amount.currency)
    return transact(
        "stored_value_load",
        request,
        [
            *presented_values(presentation),
            amount.amount_minor,
            amount.currency,
            tender,
            tender_reference,
            account,
        ],
        placeholders=f"{PRESENTED}, %s::bigint, %s::text, %s::text, %s::text, %s::uuid",
    )
