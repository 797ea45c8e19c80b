"""Offers of a program: made, listed and ended.

Knows terms; which offer a load earns by is decided in SQL, in the load's own commit.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet

from prepaid.cards.errors import CardError
from prepaid.cards.models import Offer, Program
from prepaid.money import Money


class OfferCodeTaken(CardError):
    """Another offer has this code; nothing was made."""

    code = "offer_code_taken"


def make_offer(
    *,
    code: str,
    name: str,
    program: Program,
    pay_min: Money,
    bonus: Money,
    starts_on: date,
    actor: str,
    at: datetime,
    name_zh: str = "",
    ends_on: date | None = None,
    instalments: int = 1,
    interval: str = Offer.Interval.MONTH,
    bonus_valid_days: int | None = None,
    store_ids: Iterable[UUID] | None = None,
    tier: str = "",
) -> Offer:
    """Make an offer. Its terms stay as they are: what comes instead is another offer.

    Raises OfferCodeTaken, and ValueError for amounts that are not of the program's currency.
    """
    if {pay_min.currency, bonus.currency} != {program.currency}:
        raise ValueError("an offer is in its program's currency")
    try:
        with transaction.atomic():
            return Offer.objects.create(
                code=code,
                name=name,
                name_zh=name_zh,
                program=program,
                pay_min=pay_min.amount_minor,
                bonus=bonus.amount_minor,
                instalments=instalments,
                interval=interval,
                bonus_valid_days=bonus_valid_days,
                starts_on=starts_on,
                ends_on=ends_on,
                store_ids=None if store_ids is None else list(store_ids),
                tier=tier,
                made_by=actor,
                made_at=at,
            )
    except IntegrityError as error:
        if Offer.objects.filter(code=code).exists():
            raise OfferCodeTaken(code) from error
        raise


def end_offer(offer_id: UUID, *, actor: str, at: datetime) -> bool:
    """End an offer: no later load earns by it, what was promised is still paid. False where it was ended."""
    return bool(Offer.objects.filter(pk=offer_id, ended_at=None).update(ended_at=at, ended_by=actor))


def list_running(on: date) -> QuerySet[Offer]:
    """List the offers that run on a business date or will, those that start first at the top."""
    runs = Q(ends_on=None) | Q(ends_on__gte=on)
    return _offers().filter(runs, ended_at=None).order_by("program__code", "pay_min", "starts_on", "id")


def list_past(on: date) -> QuerySet[Offer]:
    """List the offers that are over on a business date, the latest made first."""
    return _offers().filter(Q(ended_at__isnull=False) | Q(ends_on__lt=on)).order_by("-made_at", "-id")


def _offers() -> QuerySet[Offer]:
    return Offer.objects.select_related("program")
