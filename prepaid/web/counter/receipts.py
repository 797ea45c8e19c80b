"""Receipts of stored answers, as paper 80 mm wide.

Knows what stands on a receipt; must not know how it came about.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils.functional import Promise
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from prepaid.cards.models import Card
from prepaid.identifiers import rrn_of
from prepaid.ledger.models import LedgerAnswer
from prepaid.money import is_unit
from prepaid.stored_value.bonus import find_bonus
from prepaid.stored_value.history import find_price
from prepaid.stored_value.pay_out import find_destinations
from prepaid.stores.models import Store, Terminal, Till
from prepaid.web.access import Place, StaffRequest, at_a_till
from prepaid.web.counter.words import DESTINATION_NAMES, TYPE_NAMES


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What a receipt says. Minor units."""

    rrn: str
    title: str | Promise
    amount_minor: int
    currency: str
    balance_minor: int | None
    bonus_minor: int
    bonus_later_minor: int
    last_four: str
    program: str
    store: Store
    where: str
    operator: str
    at: datetime
    original_rrn: str | None
    # What a load of units was paid with.
    price_minor: int | None
    card_id: UUID | None
    # Of a payout: what went where.
    parts: list[tuple[str | Promise, int]]


def receipt_of(transaction_id: UUID) -> Receipt | None:
    """Gather the receipt of an approved transaction; None where there is none."""
    answer = LedgerAnswer.objects.filter(pk=transaction_id, outcome="approved").first()
    if answer is None or answer.currency is None or answer.type is None or answer.presented_id is None:
        return None
    card = Card.objects.select_related("program").filter(pk=answer.presented_id).first()
    origin: Till | Terminal | None = (
        Till.objects.select_related("store").filter(pk=answer.origin_id).first()
        or Terminal.objects.select_related("store").filter(pk=answer.origin_id).first()
    )
    if card is None or origin is None:
        return None
    original = LedgerAnswer.objects.filter(pk=answer.original_id).first() if answer.original_id else None
    bonus = find_bonus(answer.id) if answer.type == "load" else []
    return Receipt(
        rrn=rrn_of(answer.id),
        title=TYPE_NAMES.get((answer.type, original.type if original else None), answer.type),
        amount_minor=answer.approved_amount,
        currency=answer.currency,
        balance_minor=answer.balance,
        bonus_minor=sum(part.amount_minor for part in bonus if part.number == 1),
        bonus_later_minor=sum(part.amount_minor for part in bonus if part.number > 1),
        last_four=card.last_four,
        program=card.program.name,
        store=origin.store,
        where=origin.name,
        operator=answer.operator,
        at=answer.recorded_at,
        original_rrn=rrn_of(original.id) if original else None,
        price_minor=find_price(answer.id) if is_unit(answer.currency) else None,
        card_id=card.id,
        parts=_parts_of(answer) if answer.type in ("cash_out", "card_return") else [],
    )


def _parts_of(answer: LedgerAnswer) -> list[tuple[str | Promise, int]]:
    went_to = find_destinations(answer.id)
    return [(name, went_to[kind]) for kind, name in DESTINATION_NAMES.items() if kind in went_to]


@never_cache
@require_GET
@at_a_till
def receipt(request: StaffRequest, place: Place, transaction_id: UUID) -> HttpResponse:
    """Show a receipt on a page of its own, ready for the printer."""
    found = receipt_of(transaction_id)
    if found is None:
        raise Http404
    return render(request, "counter/receipt.html", {"receipt": found, "till": place.till})
