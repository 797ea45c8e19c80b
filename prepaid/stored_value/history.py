"""What happened to an account, newest first, as counter, office and holder read it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from prepaid.identifiers import rrn_of

# Whether a type adds to the balance, takes from it, or moves nothing of it.
SIGNS = {
    "load": 1,
    "import": 1,
    "redeem": -1,
    "hold": 0,
    "capture": -1,
    "release": 0,
    "refund": 1,
    "bonus": 1,
    # As an account's chain has it, and as the answer to a move tells of the account that gave.
    "move_out": -1,
    "move_in": 1,
    "move": -1,
    "cash_out": -1,
    "card_return": -1,
    "expire": -1,
    "adjust_up": 1,
    "adjust_down": -1,
    "reactivate": 1,
    "shortfall": 1,
    "recovery": -1,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryLine:
    """One approved transaction; `signed_minor` is what it did to the balance."""

    id: UUID
    type: str
    undoes: str | None
    amount_minor: int
    signed_minor: int
    balance_after_minor: int
    occurred_at: datetime
    recorded_at: datetime
    store_id: UUID
    origin_id: UUID
    operator: str
    original: UUID | None
    undone: bool
    # Whether somebody asked for it: what a job did, or what came with a top-up, has no receipt of its own.
    has_answer: bool
    # What refunds have left of a redeem or capture.
    refundable_minor: int
    # Of a hold: how it ended (None while it is open), and until when it lasts.
    resolution: str | None
    expires_at: datetime | None

    @property
    def rrn(self) -> str:
        """Give the reference of its receipt."""
        return rrn_of(self.id)


_LINES = """
select line.id, line.type, line.undoes, line.amount, line.balance_after, line.occurred_at, line.recorded_at,
    line.store_id, line.origin_id, line.operator, line.original_id,
    exists (select from ledger_transaction as undo
            where undo.account_id = line.account_id and undo.original_id = line.id
            and undo.type in ('void', 'reversal')),
    exists (select from ledger_answer as answer where answer.id = line.id),
    case when line.type in ('redeem', 'capture') then line.amount - coalesce((
        select sum(refund.amount) from ledger_transaction as refund
        where refund.account_id = line.account_id and refund.original_id = line.id and refund.type = 'refund'
            and not exists (
                select from ledger_transaction as undo
                where undo.account_id = refund.account_id and undo.original_id = refund.id
                and undo.type in ('void', 'reversal'))), 0) else 0 end,
    hold.resolution, hold.expires_at
from ledger_transaction as line
left join ledger_hold as hold
    on line.type = 'hold' and hold.account_id = line.account_id and hold.id = line.id
"""
_LATEST = """
where line.account_id = %s and line.position < coalesce(%s, 9223372036854775807)
order by line.position desc
limit %s
"""
_OPEN_HOLDS = """
where line.account_id = %s and hold.id is not null and hold.resolution is null
order by line.position desc
limit %s
"""


def list_history(
    account_id: UUID, *, limit: int = 50, before_position: int | None = None
) -> list[HistoryLine]:
    """List an account's transactions, newest first. Minor units. Locks nothing."""
    return _list(_LINES + _LATEST, [account_id, before_position, limit])


def list_open_holds(account_id: UUID, *, limit: int = 50) -> list[HistoryLine]:
    """List the holds of an account that nothing has resolved yet, newest first. Locks nothing."""
    return _list(_LINES + _OPEN_HOLDS, [account_id, limit])


def _list(sql: str, values: list[Any]) -> list[HistoryLine]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return [
            HistoryLine(
                id=row[0],
                type=row[1],
                undoes=row[2],
                amount_minor=row[3],
                signed_minor=row[3] * sign_of(row[1], row[2]),
                balance_after_minor=row[4],
                occurred_at=row[5],
                recorded_at=row[6],
                store_id=row[7],
                origin_id=row[8],
                operator=row[9],
                original=row[10],
                undone=row[11],
                has_answer=row[12],
                refundable_minor=int(row[13]),
                resolution=row[14],
                expires_at=row[15],
            )
            for row in cursor.fetchall()
        ]


def find_price(transaction_id: UUID) -> int | None:
    """Find what a load of units was paid with, in minor units of the store's money; None for all else."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select lot.price from ledger_answer as answer "
            "join ledger_lot as lot on lot.account_id = answer.account_id and lot.position = answer.position "
            "where answer.id = %s and lot.price is not null",
            [transaction_id],
        )
        row = cursor.fetchone()
    return None if row is None else int(row[0])


def sign_of(kind: str, undoes: str | None) -> int:
    """Give +1 where a transaction adds to the balance, -1 where it takes from it, 0 where it does neither."""
    return -SIGNS[undoes or kind] if kind in ("void", "reversal") else SIGNS[kind]
