"""Card return: the holder gives the card back and is paid what the law or the contract says is theirs."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from prepaid.stored_value.answers import Answer
from prepaid.stored_value.pay_out import PaidOutBy, Parts, pay_out
from prepaid.stored_value.requests import Request


def return_card(
    request: Request,
    card_id: UUID,
    *,
    paid_minor: int,
    forfeited_bonus_minor: int = 0,
    paid_from_bonus_minor: int = 0,
    retained_minor: int = 0,
    tender: PaidOutBy,
    note: str,
    closes: bool = True,
    currency: str | None = None,
) -> Answer:
    """Take a card back: pay out, forfeit and retain exactly what the caller worked out, and close the card.

    `paid` and `retained` leave paid lots, to the tender and to the store's fees (a price difference, as in
    Fa Shi [2025] No. 4, art. 18 and 19); `paid_from_bonus` and `forfeited_bonus` leave bonus lots, to the
    tender and back to the promotion. Minor units of `currency`, the store's own unless it is given; of units
    nothing goes to the tender. More than is there is declined; so is closing while something that can be
    spent stays behind. What is approved is all that left the card. A void on the same day undoes it, the
    closing as well. Locks the account's cards, then the account. Raises IdReused, TryAgain.
    """
    parts = Parts(
        paid_minor=paid_minor,
        paid_from_bonus_minor=paid_from_bonus_minor,
        forfeited_bonus_minor=forfeited_bonus_minor,
        retained_minor=retained_minor,
    )
    if not closes and parts.total_minor == 0:
        raise ValueError("a return that leaves the card open moves something")
    request = replace(request, note=note)
    return pay_out(
        request,
        "card_return",
        card_id,
        parts,
        tender=tender,
        closes_because=note if closes else None,
        currency=currency,
    )
