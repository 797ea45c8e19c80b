"""The acts that move value: the same posting is looked at before, and made when it is confirmed.

Knows the forms' fields and the functions of stored value; must not know templates.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import msgspec
from django.db import transaction
from django.utils import timezone
from django.utils.functional import Promise

from prepaid.cards.models import Card
from prepaid.keys import site_keys
from prepaid.ledger.models import LedgerAccount
from prepaid.stored_value.answers import Answer
from prepaid.stored_value.approvals.payloads import CardReturn
from prepaid.stored_value.cash_out import cash_out
from prepaid.stored_value.lots import sum_lots
from prepaid.stored_value.move import merge, move
from prepaid.stored_value.reasons import Reason
from prepaid.stored_value.replace import reactivate
from prepaid.stored_value.requests import Request
from prepaid.stored_value.return_card import return_card
from prepaid.web.access import Place
from prepaid.web.counter.acts import Code
from prepaid.web.counter.words import DESTINATION_NAMES


@dataclass(frozen=True, slots=True)
class Sum:
    """A line of what is shown before an act is confirmed. Minor units; `after` is set where it changes."""

    name: str | Promise
    amount_minor: int
    after_minor: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What an act would do: its lines, or the reason why it is refused."""

    sums: list[Sum]
    refused: Reason | None
    target: Card | None = None
    second_needed: bool = False


def request_of(place: Place, request_id: UUID, content: list[Any]) -> Request:
    """Make the request of a till under an id that the page carried."""
    now = timezone.now()
    return Request(
        id=request_id,
        origin=place.origin,
        digest=site_keys().content_digest(msgspec.json.encode(content)),
        occurred_at=now,
        recorded_at=now,
        operator=place.operator,
    )


def posting_of(code: Code, place: Place, card: Card, asked: dict[str, Any]) -> Callable[[], Answer]:
    """Give the posting that an act asks for; called, it raises IdReused and TryAgain."""
    target, reason = asked.get("target"), asked["reason"]
    amount = asked["amount"] if asked.get("amount") else None
    currency = card.program.currency
    content = [
        code,
        card.id,
        target.id if target else None,
        amount.amount_minor if amount else None,
        asked.get("tender"),
        asked.get("paid_minor"),
        asked.get("bonus_minor"),
    ]

    def post() -> Answer:
        request = request_of(place, asked["id"], content)
        if code == "move":
            assert target is not None, "the form found the other card"
            assert amount is not None, "the form read the amount"
            return move(noted(request, reason), card.id, target.id, amount)
        if code == "merge":
            assert target is not None, "the form found the other card"
            return merge(noted(request, reason), card.id, target.id, reason=reason, currency=currency)
        if code == "reactivate":
            return reactivate(noted(request, reason), card.id, currency=currency)
        if code == "cash-out":
            assert amount is not None, "the form read the amount"
            tender = asked["tender"]
            return cash_out(noted(request, reason), card.id, paid_minor=amount.amount_minor, tender=tender)
        return return_card(
            request,
            card.id,
            paid_minor=asked["paid_minor"] or 0,
            forfeited_bonus_minor=asked["bonus_minor"] or 0,
            tender=asked["tender"],
            note=reason,
            currency=currency,
        )

    return post


def noted(request: Request, note: str) -> Request:
    """Write the reason into the stored answer."""
    return replace(request, note=note)


def take_amounts(place: Place, card: Card, asked: dict[str, Any]) -> None:
    """Fill in what closing a card pays out and takes back, as its lots stand now."""
    sums = sum_lots(card.account_id, on=place.origin.business_date_at(timezone.now()))
    asked["paid_minor"], asked["bonus_minor"] = sums.paid_minor, sums.bonus_minor


def return_of(card: Card, asked: dict[str, Any]) -> CardReturn:
    """Write down what closing a card asks for, by the amounts that were shown."""
    return CardReturn(
        card_id=card.id,
        choice_id=None,
        paid_minor=asked["paid_minor"] or 0,
        paid_from_bonus_minor=0,
        forfeited_bonus_minor=asked["bonus_minor"] or 0,
        retained_minor=0,
        tender=asked["tender"],
        currency=card.program.currency,
    )


def look(code: Code, place: Place, card: Card, asked: dict[str, Any]) -> Look:
    """Make the posting and roll it back: every figure is read where it would stand. Raises TryAgain."""
    target = asked.get("target")
    accounts = [card.account_id] + ([target.account_id] if target else [])
    with transaction.atomic():
        before = LedgerAccount.objects.in_bulk(accounts)
        answer = posting_of(code, place, card, asked)()
        after = LedgerAccount.objects.in_bulk(accounts)
        transaction.set_rollback(True)
    if not answer.approved:
        return Look(sums=[], refused=answer.why, target=target)
    sums = []
    if asked.get("tender"):
        paid = asked["paid_minor"] or 0 if code == "close" else answer.approved_minor
        sums.append(Sum(DESTINATION_NAMES[asked["tender"]], paid))
        if asked.get("bonus_minor"):
            sums.append(Sum(DESTINATION_NAMES["promotion"], asked["bonus_minor"]))
    for each in (card, target) if target else (card,):
        assert each is not None, "a target that is none is not listed"
        account = each.account_id
        holder = each.account.holder
        name = f"{each.number_masked} · {holder.name}" if holder else each.number_masked
        sums.append(Sum(name, before[account].balance, after[account].balance))
    return Look(sums=sums, refused=None, target=target)
