"""What cash-out and card return share: value out of a card's lots, to the holder, the promotion or the fees.

Knows amounts that its caller decided; must not know which law or rule they follow from.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args
from uuid import UUID

from prepaid.cards.presentation import at_the_desk
from prepaid.ledger.accounts import general_account_id
from prepaid.money import Money
from prepaid.stored_value.answers import Answer
from prepaid.stored_value.calls import transact
from prepaid.stored_value.card_changes import CHANGE, change_values
from prepaid.stored_value.decline import decline
from prepaid.stored_value.requests import Request

# How money goes back to a card holder.
PaidOutBy = Literal["cash", "bank_transfer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What leaves a card, by lot and destination. Minor units of the card's currency, none below zero.

    `paid` and `retained` leave paid lots: to the tender, to the fees. `paid_from_bonus` and `forfeited_bonus`
    leave bonus lots: to the tender, to the promotion.
    """

    paid_minor: int
    paid_from_bonus_minor: int = 0
    forfeited_bonus_minor: int = 0
    retained_minor: int = 0

    def __post_init__(self) -> None:
        """Refuse what is not a whole number of minor units, or below zero."""
        parts = (
            self.paid_minor,
            self.paid_from_bonus_minor,
            self.forfeited_bonus_minor,
            self.retained_minor,
        )
        if any(type(part) is not int for part in parts):
            raise TypeError("an amount is a whole number of minor units")
        if any(part < 0 for part in parts):
            raise ValueError("an amount that leaves a card is not below zero")

    @property
    def total_minor(self) -> int:
        """Give what leaves the card in all."""
        return self.paid_minor + self.paid_from_bonus_minor + self.forfeited_bonus_minor + self.retained_minor


def pay_out(
    request: Request,
    kind: Literal["cash_out", "card_return"],
    card_id: UUID,
    parts: Parts,
    *,
    tender: PaidOutBy,
    closes_because: str | None,
) -> Answer:
    """Make a cash-out or a card return; with `closes_because` the card is closed in the same commit.

    Locks the account's cards where it closes one, then the account. Raises IdReused, TryAgain.
    """
    currency, store_id = request.origin.currency, request.origin.store_id
    if tender not in get_args(PaidOutBy):
        amount = Money(parts.total_minor, currency)
        return decline(request, kind, "type_not_allowed", presentation=at_the_desk(card_id), amount=amount)
    closes = change_values(None if closes_because is None else "close", reason=closes_because or "")
    return transact(
        "stored_value_pay_out",
        request,
        [
            kind,
            card_id,
            parts.paid_minor,
            parts.paid_from_bonus_minor,
            parts.forfeited_bonus_minor,
            parts.retained_minor,
            currency,
            tender,
            general_account_id(tender, owner_id=store_id, currency=currency),
            general_account_id("promotion", owner_id=store_id, currency=currency),
            general_account_id("fees", owner_id=store_id, currency=currency),
            *closes,
        ],
        placeholders=(
            "%s::text, %s::uuid, %s::bigint, %s::bigint, %s::bigint, %s::bigint, %s::text, %s::text, "
            f"%s::uuid, %s::uuid, %s::uuid, {CHANGE}"
        ),
    )
