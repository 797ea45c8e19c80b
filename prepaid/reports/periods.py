"""Periods of business dates, and the one before to compare with.

Knows calendars; must not know figures.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from prepaid.stored_value.requests import Origin
from prepaid.stores.models import Store

DAYS_MAX = 366
A_DAY = timedelta(days=1)


class PeriodRefused(ValueError):
    """The dates make no period; `code` says why: "order" or "length"."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Period:
    """Business dates from `first` to `last`, both included. Raises PeriodRefused."""

    first: date
    last: date

    def __post_init__(self) -> None:
        """Refuse what is no period, or one too long to show by day."""
        if self.last < self.first:
            raise PeriodRefused("order")
        if self.days_count > DAYS_MAX:
            raise PeriodRefused("length")

    @property
    def days_count(self) -> int:
        """Count the days."""
        return (self.last - self.first).days + 1

    @property
    def days(self) -> list[date]:
        """List the days, first to last."""
        return [self.first + number * A_DAY for number in range(self.days_count)]

    @property
    def previous(self) -> Period:
        """Give the period of the same length that ends the day before this one."""
        return Period(self.first - self.days_count * A_DAY, self.first - A_DAY)


def last_days(count: int, *, until: date) -> Period:
    """Give the period of so many days that ends on `until`."""
    return Period(until - (count - 1) * A_DAY, until)


def latest_business_date(stores: Iterable[Store], at: datetime) -> date:
    """Give the business date of now where the day is furthest; in UTC where there is no store."""
    return max((_business_date(store, at) for store in stores), default=at.date())


def _business_date(store: Store, at: datetime) -> date:
    origin = Origin(
        id=store.id,
        kind="till",
        store_id=store.id,
        currency=store.currency,
        timezone=store.timezone,
        day_starts_at=store.day_starts_at,
    )
    return origin.business_date_at(at)
