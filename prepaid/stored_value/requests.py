"""Who asks for a transaction, when, and under which id.

Knows origins and business dates; must not know HTTP or how a card proves itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from prepaid.money import is_unit
from prepaid.stores.models import Store, Terminal, Till


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """A terminal, or a till of the counter, and the store that it stands in."""

    id: UUID
    kind: Literal["terminal", "till"]
    store_id: UUID
    currency: str
    timezone: str
    day_starts_at: time = time.min
    closed_through_sequence: int = 0
    # The key of a terminal that was looked up for an earlier call: its posting goes ahead only while the
    # terminal may work and all of this is still so.
    remembered_key: bytes | None = None

    def trades_in(self, currency: str) -> bool:
        """Say whether value of this currency is taken here: the store's own, and every unit."""
        return currency == self.currency or is_unit(currency)

    def business_date_at(self, at: datetime) -> date:
        """Give the store's day that a moment belongs to."""
        local = at.astimezone(ZoneInfo(self.timezone))
        begun = local - timedelta(hours=self.day_starts_at.hour, minutes=self.day_starts_at.minute)
        return begun.date()


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One call: `id` is the caller's UUIDv7, `digest` the keyed hash of the content, times are aware UTC."""

    id: UUID
    origin: Origin
    digest: bytes
    occurred_at: datetime
    recorded_at: datetime
    sequence: int | None = None
    operator: str = ""
    note: str = ""

    @property
    def business_date(self) -> date:
        """Give the store's day at which this is recorded."""
        return self.origin.business_date_at(self.recorded_at)


def origin_of_terminal(terminal: Terminal) -> Origin:
    """Describe a terminal as the origin of its transactions."""
    origin = _origin(terminal.id, "terminal", terminal.store)
    return replace(origin, closed_through_sequence=terminal.closed_through_sequence)


def origin_of_till(till: Till) -> Origin:
    """Describe a till of the counter as the origin of its transactions."""
    return _origin(till.id, "till", till.store)


def origin_of_posting(
    origin_id: UUID, store_id: UUID, currency: str, timezone: str, day_starts_at: time
) -> Origin:
    """Describe who posted something, for the job that ends it: what the job does counts there."""
    return Origin(
        id=origin_id,
        kind="terminal",
        store_id=store_id,
        currency=currency,
        timezone=timezone,
        day_starts_at=day_starts_at,
    )


def _origin(origin_id: UUID, kind: Literal["terminal", "till"], store: Store) -> Origin:
    return Origin(
        id=origin_id,
        kind=kind,
        store_id=store.id,
        currency=store.currency,
        timezone=store.timezone,
        day_starts_at=store.day_starts_at,
    )
