"""Calls of the stored-value functions: one round trip and one commit each, prepared on the connection.

Knows parameters, SQLSTATEs and what is called again with the same id; must not decide anything about value.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
import psycopg
from django.db import OperationalError, connection
from psycopg import errors
from psycopg.rows import TupleRow
from psycopg.types.numeric import Int8

from prepaid.cards.presentation import Presentation
from prepaid.ledger.errors import IdReused, PrepaidError, SequenceReused, TryAgain
from prepaid.stored_value.answers import Answer, RuleTold
from prepaid.stored_value.requests import Request

REQUEST = (
    "row(%s::uuid, %s::bytea, %s::uuid, %s::bigint, %s::uuid, %s::date, %s::timestamptz, %s::timestamptz, "
    "%s::text, %s::text)::ledger_request"
)
PRESENTED = "row(%s::text, %s::bytea, %s::bigint, %s::bytea, %s::text, %s::uuid)::stored_value_presented"
REPLY = (
    "reply.id, reply.type, reply.outcome, reply.reason, reply.approved_amount, reply.currency, "
    "reply.balance, reply.available, reply.last_four, reply.program_code, reply.original_id, "
    "reply.recorded_at, reply.hash, reply.replayed, reply.origin_id, reply.sequence, reply.card_id, "
    "reply.undoes, case when reply.outcome = 'declined' then stored_value_told_rule(reply.id) end, "
    "case when reply.reason = 'type_not_allowed' then stored_value_told_cause(reply.id) end"
)
# Looks at a remembered terminal in the round trip that posts for it.
STILL_SO = (
    "select terminal.id "
    "from stores_terminal as terminal join stores_store as store on store.id = terminal.store_id "
    "where terminal.id = %s::uuid and terminal.state in ('active', 'standby') "
    "and terminal.public_key = %s::bytea and terminal.closed_through_sequence = %s::bigint "
    "and store.id = %s::uuid and store.currency = %s::text "
    "and store.timezone = %s::text and store.day_starts_at = %s::time"
)
ATTEMPTS_MAX = 3
# A card was stopped after it was admitted: nothing was posted, and the next look says why.
CARD_STOPPED = "PC905"
# A repeat that raced its first call: call again, the stored answer is there.
_AGAIN = errors.UniqueViolation
_LATER = (errors.LockNotAvailable, errors.QueryCanceled, errors.OperationalError, psycopg.InterfaceError)


class OriginChanged(PrepaidError):
    """The terminal is no longer as it was remembered; nothing moved."""

    code = "origin_changed"


def request_values(request: Request) -> list[Any]:
    """List a request in the order of the SQL type `ledger_request`."""
    return [
        request.id,
        request.digest,
        request.origin.id,
        request.sequence,
        request.origin.store_id,
        request.business_date,
        request.occurred_at,
        request.recorded_at,
        request.operator,
        request.note,
    ]


def presented_values(presentation: Presentation | None) -> list[Any]:
    """List a presentation in the order of the SQL type `stored_value_presented`."""
    if presentation is None:
        return [None] * 6
    return [
        presentation.method,
        presentation.lookup,
        presentation.counter,
        presentation.pin_mac,
        presentation.refusal,
        presentation.card_id,
    ]


def fetch(sql: str, values: list[Any]) -> TupleRow | None:
    """Run one prepared statement and give its row; TryAgain where the database cannot answer now."""
    try:
        connection.ensure_connection()
        with psycopg.Cursor(connection.connection) as cursor:
            return cursor.execute(sql, [_sized(value) for value in values], prepare=True).fetchone()
    except _LATER as error:
        connection.close_if_unusable_or_obsolete()
        raise TryAgain(str(error)) from error
    except OperationalError as error:
        raise TryAgain(str(error)) from error


def _sized(value: Any) -> Any:
    """Give every whole number one size: psycopg would choose by value, and prepare anew for each choice."""
    return Int8(value) if type(value) is int else value


def transact(function: str, request: Request, values: list[Any], *, placeholders: str) -> Answer:
    """Call a stored-value function and give the answer that it stored or found.

    Raises IdReused, SequenceReused, OriginChanged (nothing moved) and TryAgain (repeat with the same id).
    """
    sql, values = _call_of(function, request, values, placeholders)
    sequence_taken = False
    for _ in range(ATTEMPTS_MAX):
        try:
            row = fetch(sql, values)
        except _AGAIN as error:
            # The first time it may be this id's own sequence, stored by a call of the same moment.
            taken = error.diag.constraint_name == "ledger_answer_sequence_once"
            if taken and (sequence_taken or connection.in_atomic_block):
                raise SequenceReused(request.sequence) from error
            if connection.in_atomic_block:
                raise
            sequence_taken = taken
        except psycopg.Error as error:
            if error.sqlstate == "PC001":
                raise IdReused(request.id) from error
            if error.sqlstate != CARD_STOPPED:
                raise
            if connection.in_atomic_block:
                raise TryAgain("The card was stopped at this moment.") from error
        else:
            if row is None:
                raise OriginChanged(f"The terminal {request.origin.id} is not as it was remembered.")
            return answer_of(row)
    raise TryAgain("The same id is being answered elsewhere, or its card changed again and again.")


def _call_of(function: str, request: Request, values: list[Any], placeholders: str) -> tuple[str, list[Any]]:
    """Write the call of a function; for a remembered origin only while all that was remembered is so."""
    asked = request_values(request)
    origin = request.origin
    if origin.remembered_key is None:
        return f"select {REPLY} from {function}({REQUEST}, {placeholders}) as reply", [*asked, *values]
    proven = REQUEST.replace("%s::bytea, %s::uuid", "%s::bytea, origin.id", 1)
    call = f"{function}({proven}, {placeholders}) as reply"
    sql = f"select {REPLY} from ({STILL_SO}) as origin cross join lateral {call}"
    remembered = [
        origin.id,
        origin.remembered_key,
        origin.closed_through_sequence,
        origin.store_id,
        origin.currency,
        origin.timezone,
        origin.day_starts_at,
    ]
    return sql, [*remembered, *asked[:2], *asked[3:], *values]


def answer_of(row: TupleRow) -> Answer:
    """Read a `stored_value_reply`."""
    return Answer(
        id=row[0],
        type=row[1],
        outcome=row[2],
        reason=row[3],
        approved_minor=row[4],
        currency=row[5],
        balance_minor=row[6],
        available_minor=row[7],
        last_four=row[8],
        program_code=row[9],
        original=row[10],
        recorded_at=row[11],
        hash=None if row[12] is None else bytes(row[12]).hex(),
        replayed=row[13],
        origin_id=row[14],
        sequence=row[15],
        card_id=row[16],
        undoes=row[17],
        rule=None if row[18] is None else msgspec.json.decode(row[18], type=RuleTold),
        cause=row[19],
    )


def find_answer(transaction_id: UUID, *, origin_id: UUID | None) -> Answer | None:
    """Find the stored answer of an id, of one origin or (None) of any; None where it was never seen."""
    row = fetch(f"select {REPLY} from stored_value_stored_answer(%s::uuid) as reply", [transaction_id])
    if row is None:
        return None
    answer = answer_of(row)
    return answer if origin_id is None or answer.origin_id == origin_id else None
