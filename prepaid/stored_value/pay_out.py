"""What cash-out and card return share: value out of a card's lots, to the holder, the promotion or the fees.

Knows amounts that its caller decided; must not know which law or rule they follow from.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args
from uuid import UUID

from django.db import connection

from prepaid.cards.presentation import at_the_desk
from prepaid.ledger.accounts import general_account_id
from prepaid.money import Money, is_unit
from prepaid.stored_value.answers import Answer
from prepaid.stored_value.calls import transact
from prepaid.stored_value.card_changes import CHANGE, change_values
from prepaid.stored_value.decline import decline
from prepaid.stored_value.requests import Request

# Where the value of a transaction went, by kind of general account.
_DESTINATIONS = """
select general.kind, sum(transfer.amount)::bigint
from ledger_answer as answer
join ledger_transfer as transfer using (account_id, position)
join ledger_general_account as general on general.id = transfer.credit_account
where answer.id = %s
group by general.kind
order by general.kind
"""
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
    currency: str | None = None,
) -> Answer:
    """Make a cash-out or a card return; with `closes_because` the card is closed in the same commit.

    Locks the account's cards where it closes one, then the account. Raises IdReused, TryAgain.
    """
    currency, store_id = currency or request.origin.currency, request.origin.store_id
    pays_units = is_unit(currency) and parts.paid_minor + parts.paid_from_bonus_minor > 0
    if tender not in get_args(PaidOutBy) or pays_units:
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


def find_destinations(transaction_id: UUID) -> dict[str, int]:
    """Give where the value of a payout went: kind of general account to minor units, by kind."""
    with connection.cursor() as cursor:
        cursor.execute(_DESTINATIONS, [transaction_id])
        return dict(cursor.fetchall())


def paid_minor_of(destinations: dict[str, int]) -> int:
    """Add up what of a payout went to the holder."""
    return sum(amount for kind, amount in destinations.items() if kind in get_args(PaidOutBy))
