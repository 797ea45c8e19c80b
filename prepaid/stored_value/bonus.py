"""Bonus: what a top-up earns by an offer of its program, at once or part by part.

Knows parts and when they are due; which offer applies is decided in SQL, in the load's own commit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from django.db import connection

from prepaid.identifiers import uuid7
from prepaid.ledger.errors import TryAgain
from prepaid.stored_value.calls import REQUEST, fetch, request_values
from prepaid.stored_value.requests import Origin, Request, origin_of_posting

PARTS_A_LOOK = 500
PARTS_MAX = 20_000


@dataclass(frozen=True, slots=True)
class BonusPart:
    """One part of a load's bonus. Minor units; `resolution` is None while it is due."""

    number: int
    amount_minor: int
    due_on: date
    campaign: str
    resolution: Literal["paid", "cancelled"] | None


@dataclass(frozen=True, slots=True)
class BonusStanding:
    """The bonus of an account: within its balance, and promised. Minor units."""

    within_minor: int
    to_come_minor: int


@dataclass(frozen=True, slots=True)
class DuePart:
    """A part whose day has come, and where its load was made: it counts there."""

    account_id: UUID
    load_id: UUID
    number: int
    due_on: date
    origin: Origin


def find_bonus(load_id: UUID) -> list[BonusPart]:
    """List the parts of the bonus that a load earned, in order; none where it earned none. Locks nothing."""
    with connection.cursor() as cursor:
        cursor.execute(_PARTS, [load_id])
        return [BonusPart(*row) for row in cursor.fetchall()]


def get_standing(account_id: UUID) -> BonusStanding:
    """Tell how much of a balance is bonus, and how much is still to come. Minor units. Locks nothing."""
    with connection.cursor() as cursor:
        cursor.execute(_STANDING, [account_id])
        within, to_come = cursor.fetchone()
    return BonusStanding(int(within), int(to_come))


def pay_instalments(at: datetime) -> int:
    """Pay the parts of bonus that are due, at most 20,000 of them, and count those paid by this call.

    One commit a part; safe to run twice and beside itself. A part waits while its account is busy, would hold
    more than its program allows, or has no card left. Locks each account.
    """
    return sum(pay_part(part, at=at) for part in list_due_parts(at))


def list_due_parts(at: datetime) -> Iterator[DuePart]:
    """List the parts that are due in their store, longest overdue first, at most 20,000."""
    after: tuple[Any, ...] = (date.min, UUID(int=0), UUID(int=0), 0)
    for _ in range(PARTS_MAX // PARTS_A_LOOK):
        with connection.cursor() as cursor:
            cursor.execute(_DUE, [at, *after, PARTS_A_LOOK])
            rows = cursor.fetchall()
        for account_id, load_id, number, due_on, *origin in rows:
            yield DuePart(account_id, load_id, number, due_on, origin_of_posting(*origin))
        if len(rows) < PARTS_A_LOOK:
            return
        after = (rows[-1][3], *rows[-1][:3])


def pay_part(part: DuePart, *, at: datetime) -> bool:
    """Pay one part; False where it was resolved before, or waits. Locks the account."""
    # The id of the posting is the part's own; that of the request stands for nothing.
    request = Request(id=uuid7(), origin=part.origin, digest=b"", occurred_at=at, recorded_at=at)
    try:
        row = fetch(
            f"select stored_value_pay_instalment({REQUEST}, %s::uuid, %s::uuid, %s::integer)",
            [*request_values(request), part.account_id, part.load_id, part.number],
        )
    except TryAgain:
        return False
    return bool(row and row[0])


_PARTS = """
select bonus.number, bonus.amount, bonus.due_on, bonus.campaign, bonus.resolution
from ledger_bonus as bonus
join ledger_answer as load on load.account_id = bonus.account_id and load.id = bonus.load_id
where load.id = %s
order by bonus.number
"""

_STANDING = """
select coalesce((select sum(lot.remaining) from unnest(account.lots) as lot where lot.bonus), 0),
    coalesce((select sum(bonus.amount) from ledger_bonus as bonus
              where bonus.account_id = account.id and bonus.resolution is null), 0)
from ledger_account as account where account.id = %s
"""

# Business dates of the store: the day that began there, as `Origin.business_date_at` tells it.
_DUE = """
select bonus.account_id, bonus.load_id, bonus.number, bonus.due_on, bonus.origin_id,
    bonus.store_id, store.currency, store.timezone, store.day_starts_at
from ledger_bonus as bonus join stores_store as store on store.id = bonus.store_id
where bonus.resolution is null
    and bonus.due_on <= (%s::timestamptz at time zone store.timezone - store.day_starts_at::interval)::date
    and (bonus.due_on, bonus.account_id, bonus.load_id, bonus.number)
        > (%s::date, %s::uuid, %s::uuid, %s::integer)
order by bonus.due_on, bonus.account_id, bonus.load_id, bonus.number
limit %s
"""
