"""Cash-out: give value of a card back as money, because a rule or the shop allows it; the card may stay."""

from __future__ import annotations

from uuid import UUID

from prepaid.stored_value.answers import Answer
from prepaid.stored_value.pay_out import PaidOutBy, Parts, pay_out
from prepaid.stored_value.requests import Request


def cash_out(
    request: Request,
    card_id: UUID,
    *,
    paid_minor: int,
    forfeited_bonus_minor: int = 0,
    tender: PaidOutBy,
    closes_because: str | None = None,
) -> Answer:
    """Pay an amount of a card's paid lots out, by cash or bank transfer. Minor units of the store's currency.

    With `closes_because`, a reason, the card is closed in the same commit; then nothing that can be spent
    may stay behind, so that the caller says how much bonus is forfeited. More than is there is declined.
    What is approved is all that left the card. A void on the same day undoes it, the closing as well.
    Locks the account's cards where it closes one, then the account. Raises IdReused, TryAgain.
    """
    parts = Parts(paid_minor=paid_minor, forfeited_bonus_minor=forfeited_bonus_minor)
    if closes_because is None and parts.total_minor == 0:
        raise ValueError("a cash-out that leaves the card open pays something out")
    return pay_out(request, "cash_out", card_id, parts, tender=tender, closes_because=closes_because)
