"""Load: add value to a card against a tender (screens say top-up)."""

from __future__ import annotations

from prepaid.cards.keys import site_keys
from prepaid.cards.presentation import Presentation
from prepaid.ledger.accounts import general_account_id
from prepaid.money import Money, is_unit
from prepaid.stored_value.answers import Answer
from prepaid.stored_value.calls import PRESENTED, presented_values, transact
from prepaid.stored_value.decline import decline
from prepaid.stored_value.requests import Request
from prepaid.tenders import Tender

_PAID = "%s::bytea, %s::bigint, %s::text"


def load(
    request: Request,
    presentation: Presentation,
    amount: Money,
    *,
    tender: Tender,
    tender_reference: str = "",
    price_minor: int | None = None,
) -> Answer:
    """Add an amount to the presented card against money that came in by `tender`.

    Units cost `price`, or what the program says that one costs; money has no price.

    Locks the card's credential, its account, then the counters of its program.
    Raises IdReused, SequenceReused, TryAgain.
    """
    if not request.origin.trades_in(amount.currency):
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
            _instrument_of(tender, tender_reference),
            price_minor,
            request.origin.currency if is_unit(amount.currency) else None,
        ],
        placeholders=f"{PRESENTED}, %s::bigint, %s::text, %s::text, %s::text, %s::uuid, {_PAID}",
    )


def _instrument_of(tender: Tender, reference: str) -> bytes | None:
    """Hash what paid, to count its loads; None for cash, which nobody can tell apart."""
    return None if tender == "cash" or not reference else site_keys().instrument_lookup(tender, reference)
