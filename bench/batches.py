"""Batches of 500, as a terminal tells after it was offline: calls of redeem through one connection.

Knows the ways of sending them; what a batch means to the shop is the API's matter.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import psycopg
from psycopg.types.numeric import Int8

from bench.shop import ACCOUNTS, CURRENCY, STORE_ID
from bench.site import Site

BATCH = 500
Connection = psycopg.Connection[tuple[object, ...]]
Send = Callable[[Connection, list[list[Any]]], None]
_taps = itertools.count(1)
# Above every counter that pgbench shows.
COUNTERS_FROM = 10_000_000_000


def lookups_of(connection: Connection) -> list[bytes]:
    rows = connection.execute(
        "select lookup from cards_credential order by id limit %s", [ACCOUNTS]
    ).fetchall()
    return [row[0] for row in rows if isinstance(row[0], bytes)]


def statement() -> str:
    """Give the site's own call of redeem."""
    from prepaid.stored_value import calls

    return (
        f"select {calls.REPLY} from stored_value_redeem({calls.REQUEST}, {calls.PRESENTED}, "
        "%s::bigint, %s::text, %s::boolean, %s::uuid) as reply"
    )


def items(lookups: list[bytes]) -> Iterator[list[Any]]:
    """Make the values of one call after the other, each with the next card."""
    from prepaid.identifiers import uuid7
    from prepaid.ledger.accounts import general_account_id

    merchant = general_account_id("merchant", owner_id=STORE_ID, currency=CURRENCY)
    terminal = uuid4()
    for tap in _taps:
        at = datetime.now(UTC)
        request = [uuid7(), os.urandom(32), terminal, tap, STORE_ID, at.date(), at, at, "bench", ""]
        presented = ["sun", lookups[tap % len(lookups)], COUNTERS_FROM + tap, None, None, None]
        values = [*request, *presented, tap % 500 + 1, CURRENCY, False, merchant]
        yield [Int8(value) if type(value) is int else value for value in values]


def one_by_one(connection: Connection, batch: list[list[Any]]) -> None:
    """A round trip and a commit for each."""
    sql = statement()
    for values in batch:
        connection.execute(sql, values, prepare=True)


def pipelined(connection: Connection, batch: list[list[Any]]) -> None:
    """One pipeline, and a commit for each."""
    sql = statement()
    with connection.pipeline() as pipeline:
        for values in batch:
            connection.execute(sql, values, prepare=True)
            pipeline.sync()


def together(connection: Connection, batch: list[list[Any]]) -> None:
    """One pipeline, and one commit for all."""
    sql = statement()
    with connection.transaction(), connection.pipeline():
        for values in batch:
            connection.execute(sql, values, prepare=True)


def batches(site: Site, send: Send) -> Callable[[float], float]:
    """Give what measures a way of sending, in redeems a second: whole batches for so many seconds or more."""

    def measure(seconds: float) -> float:
        with site.connect() as connection:
            made = items(lookups_of(connection))
            sent, took = 0, 0.0
            while took < seconds:
                batch = list(itertools.islice(made, BATCH))
                started = time.perf_counter()
                send(connection, batch)
                took += time.perf_counter() - started
                sent += len(batch)
        return sent / took

    return measure
