"""Expiry of holds: the clock gives back what was reserved too long.

Knows which holds are due; each is resolved by the ledger's own function, once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection

from prepaid.identifiers import uuid7
from prepaid.ledger.errors import TryAgain
from prepaid.stored_value.calls import REQUEST, fetch, request_values
from prepaid.stored_value.requests import Origin, Request, origin_of_posting

HOLDS_MAX = 500


@dataclass(frozen=True, slots=True)
class DueHold:
    """A hold whose time is over, and where it was placed: its release counts there."""

    account_id: UUID
    id: UUID
    origin: Origin


def expire_holds(at: datetime) -> int:
    """Release the holds that are due, at most 500 of them, and count those released by this call.

    One commit a hold; one that is busy is left for the next call. Locks the account, then the hold.
    """
    return sum(expire_hold(due, at=at) for due in list_due(at))


def list_due(at: datetime) -> list[DueHold]:
    """List the open holds that are due, longest overdue first."""
    with connection.cursor() as cursor:
        cursor.execute(_DUE, [at, HOLDS_MAX])
        return [
            DueHold(account_id, hold_id, origin_of_posting(*origin))
            for account_id, hold_id, *origin in cursor.fetchall()
        ]


def expire_hold(due: DueHold, *, at: datetime) -> bool:
    """Release one hold; False where it was resolved before, or is busy. Locks the account, then the hold."""
    request = Request(id=uuid7(), origin=due.origin, digest=b"", occurred_at=at, recorded_at=at)
    try:
        row = fetch(
            f"select ledger_expire_hold({REQUEST}, %s::uuid, %s::uuid)",
            [*request_values(request), due.account_id, due.id],
        )
    except TryAgain:
        return False
    return bool(row and row[0])


_DUE = """
select hold.account_id, hold.id, placed.origin_id,
    placed.store_id, store.currency, store.timezone, store.day_starts_at
from ledger_hold as hold
join ledger_transaction as placed on placed.account_id = hold.account_id and placed.id = hold.id
join stores_store as store on store.id = placed.store_id
where hold.resolution is null and hold.expires_at <= %s
order by hold.expires_at
limit %s
"""
