"""Expiry of value: the clock takes lots off their accounts whose last day is over in every store.

Knows which lots are due and where their value goes; the ledger's own function decides and posts, lot by lot.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection

from prepaid.identifiers import uuid7
from prepaid.ledger.accounts import GeneralKind, general_account_id
from prepaid.ledger.errors import TryAgain
from prepaid.stored_value.calls import REQUEST, fetch, request_values
from prepaid.stored_value.requests import Origin, Request, origin_of_posting

ACCOUNTS_A_LOOK = 500
LOOKS_MAX = 10_000


@dataclass(frozen=True, slots=True)
class DueLot:
    """An open lot whose last day is over everywhere, and where it was made: its expiry counts there.

    `currency` is the account's: units, or the money of the store.
    """

    account_id: UUID
    lot_no: int
    bonus: bool
    currency: str
    origin: Origin


def expire_lots(at: datetime) -> int:
    """Take expired lots off their accounts and count those taken by this call.

    One commit a lot; safe to run twice and beside itself. A lot that a hold may still use, or whose account
    is busy, is left for the next call. Locks each account.
    """
    return sum(expire_lot(lot, at=at) for lot in list_due_lots(at))


def list_due_lots(at: datetime) -> Iterator[DueLot]:
    """List the open lots that have expired in every store, by account."""
    after = UUID(int=0)
    for _ in range(LOOKS_MAX):
        with connection.cursor() as cursor:
            cursor.execute(_DUE, [at, after, ACCOUNTS_A_LOOK])
            rows = cursor.fetchall()
        for account_id, lot_no, bonus, currency, *origin in rows:
            yield DueLot(account_id, lot_no, bonus, currency, origin_of_posting(*origin))
        if len({row[0] for row in rows}) < ACCOUNTS_A_LOOK:
            return
        after = rows[-1][0]


def expire_lot(lot: DueLot, *, at: datetime) -> bool:
    """Take one lot off; False where it is gone, or kept by a hold. Locks the account."""
    # What was paid for becomes breakage; a bonus was never paid for, and goes back to where it came from.
    kind: GeneralKind = "promotion" if lot.bonus else "breakage"
    account = general_account_id(kind, owner_id=lot.origin.store_id, currency=lot.currency)
    request = Request(id=uuid7(), origin=lot.origin, digest=b"", occurred_at=at, recorded_at=at)
    try:
        row = fetch(
            f"select ledger_expire_lot({REQUEST}, %s::uuid, %s::integer, %s::uuid)",
            [*request_values(request), lot.account_id, lot.lot_no, account],
        )
    except TryAgain:
        return False
    return bool(row and row[0])


_DUE = """
with today as (
    select min((%s::timestamptz at time zone store.timezone - store.day_starts_at::interval)::date) as day
    from stores_store as store
), due as (
    select account.id, account.currency, account.lots, today.day
    from ledger_account as account cross join today
    where account.id > %s
        and exists (select from unnest(account.lots) as lot where lot.expires_on < today.day)
    order by account.id limit %s
)
select due.id, lot.lot_no, lot.bonus, due.currency, made.origin_id,
    made.store_id, store.currency, store.timezone, store.day_starts_at
from due
cross join unnest(due.lots) as lot
join ledger_lot as born on born.account_id = due.id and born.lot_no = lot.lot_no
join ledger_transaction as made on made.account_id = born.account_id and made.position = born.position
join stores_store as store on store.id = made.store_id
where lot.expires_on < due.day
order by due.id, lot.lot_no
"""
