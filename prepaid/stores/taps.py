"""Cards that a terminal saw, told at once to the counter that is paired with it.

Knows taps and the database's notifications; must not know HTTP, nor what a card is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

import psycopg
from django.db import connection, transaction
from psycopg.rows import TupleRow, kwargs_row

from prepaid.stores.models import Tap, Terminal

CHANNEL = "tap"
KEEP_ALIVE_S = 15.0
# A listener that comes back is told what it missed, up to this many.
MISSED_MAX = 20
_SELECT = "select id, terminal_id, card_id, method, at from stores_tap"
Listening = psycopg.Connection[TupleRow]


class Presented(Protocol):
    """What a tap keeps of a presentation: how the card proved itself."""

    @property
    def method(self) -> str: ...
    @property
    def lookup(self) -> bytes | None: ...
    @property
    def fingerprint(self) -> bytes | None: ...
    @property
    def counter(self) -> int | None: ...
    @property
    def key_version(self) -> int: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenTap:
    """A tap as a counter is told of it; `card_id` is None for a card that is not issued yet."""

    id: int
    terminal_id: UUID
    card_id: UUID | None
    method: str
    at: datetime


def record_tap(terminal: Terminal, *, card_id: UUID | None, presentation: Presented, at: datetime) -> Tap:
    """Keep a tap and tell whoever listens for its terminal, in one commit."""
    with transaction.atomic():
        tap = Tap.objects.create(
            terminal=terminal,
            card_id=card_id,
            method=presentation.method,
            lookup=presentation.lookup,
            fingerprint=presentation.fingerprint,
            counter=presentation.counter,
            key_version=presentation.key_version,
            at=at,
        )
        with connection.cursor() as cursor:
            cursor.execute("select pg_notify(%s, %s)", [CHANNEL, f"{terminal.id} {tap.id}"])
    return tap


def listen_taps(
    terminal_id: UUID, *, after_id: int | None = None, keep_alive_s: float = KEEP_ALIVE_S
) -> Iterator[SeenTap | None]:
    """Give each tap of a terminal as it comes; None after `keep_alive_s` without one.

    The first item is None: from then on no tap is missed. With `after_id`, the last tap that the listener
    knows, what it missed follows. Holds a database connection of its own until closed, and gives the
    thread's connection back, which a screen would else keep for hours.
    """
    if not connection.in_atomic_block:
        connection.close()
    with _connect() as listening:
        listening.execute(f"listen {CHANNEL}")
        yield None
        missed = [] if after_id is None else _list_missed(listening, terminal_id, after_id)
        yield from missed
        told = {tap.id for tap in missed}
        while True:
            # One packet may bring several; none of them is left in the generator when it is closed.
            notified = list(listening.notifies(timeout=keep_alive_s, stop_after=1))
            if not notified:
                yield None
            for terminal, tap_id in (notify.payload.split() for notify in notified):
                if terminal == str(terminal_id) and int(tap_id) not in told:
                    yield from _find_tap(listening, int(tap_id))


def _connect() -> Listening:
    """Open a connection as Django does, outside its pool and without its cursors."""
    parameters = dict(connection.get_connection_params())
    for name in ("context", "cursor_factory", "pool", "prepare_threshold"):
        parameters.pop(name, None)
    return psycopg.connect(**parameters, autocommit=True)


def _find_tap(listening: Listening, tap_id: int) -> list[SeenTap]:
    with listening.cursor(row_factory=kwargs_row(SeenTap)) as cursor:
        return cursor.execute(f"{_SELECT} where id = %s", [tap_id]).fetchall()


def _list_missed(listening: Listening, terminal_id: UUID, after_id: int) -> list[SeenTap]:
    with listening.cursor(row_factory=kwargs_row(SeenTap)) as cursor:
        missed = f"{_SELECT} where terminal_id = %s and id > %s order by id limit %s"
        return cursor.execute(missed, [terminal_id, after_id, MISSED_MAX]).fetchall()
