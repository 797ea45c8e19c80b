"""Taps: told to the counter that listens for their terminal, and to no other."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import psycopg
import pytest
from django.db import connection, transaction

from prepaid.cards.presentation import Presentation
from prepaid.identifiers import uuid7
from prepaid.stores.models import Tap
from prepaid.stores.taps import SeenTap, listen_taps, record_tap
from tests.shop import NOON, Shop, open_shop

SUN = Presentation("sun", b"l" * 32, 7, 2)
WAIT_S = 30
LISTENERS = """
select count(*) from pg_stat_activity where datname = current_database() and query like 'listen tap%'
"""


class Listener:
    """A counter that listens on a thread of its own, and keeps what it is told."""

    def __init__(self, terminal_id: UUID, *, after_id: int | None = None) -> None:
        self.told: list[SeenTap] = []
        self.news = threading.Condition()
        self.listening = threading.Event()
        self.stopped = threading.Event()
        self.arguments = (terminal_id, after_id)
        self.thread = threading.Thread(target=self.listen)

    def listen(self) -> None:
        terminal_id, after_id = self.arguments
        taps = listen_taps(terminal_id, after_id=after_id, keep_alive_s=0.05)
        for tap in taps:
            self.listening.set()
            if self.stopped.is_set():
                break
            if tap is not None:
                with self.news:
                    self.told.append(tap)
                    self.news.notify_all()
        taps.close()  # type: ignore[attr-defined]

    def wait_for(self, count: int) -> list[SeenTap]:
        with self.news:
            assert self.news.wait_for(lambda: len(self.told) >= count, WAIT_S), self.told
            return list(self.told)


@contextmanager
def listening(terminal_id: UUID, *, after_id: int | None = None) -> Iterator[Listener]:
    listener = Listener(terminal_id, after_id=after_id)
    listener.thread.start()
    try:
        assert listener.listening.wait(WAIT_S)
        yield listener
    finally:
        listener.stopped.set()
        listener.thread.join(WAIT_S)
        assert not listener.thread.is_alive()


def tap(shop: Shop, *, card_id: UUID | None = None) -> Tap:
    return record_tap(shop.terminal, card_id=card_id, presentation=SUN, at=NOON)


def seen(made: Tap) -> SeenTap:
    return SeenTap(
        id=made.id, terminal_id=made.terminal_id, card_id=made.card_id, method=made.method, at=made.at
    )


@pytest.mark.django_db
def test_tap_is_kept_with_what_a_new_card_is_bound_by() -> None:
    shop, card_id = open_shop(), uuid7()

    made = tap(shop, card_id=card_id)

    stored = Tap.objects.get(pk=made.pk)
    assert (stored.terminal, stored.card_id) == (shop.terminal, card_id)
    assert (stored.method, stored.at) == ("sun", NOON)
    assert (bytes(stored.lookup or b""), stored.counter, stored.key_version) == (b"l" * 32, 7, 2)


def test_tap_is_told_to_whoever_listens_for_its_terminal(committed_db: None) -> None:
    shop, card_id = open_shop(), uuid7()
    with listening(shop.terminal.id) as listener:
        made = [tap(shop, card_id=card_id), tap(shop)]

        assert listener.wait_for(2) == [seen(one) for one in made]


def test_tap_at_another_terminal_is_not_told(committed_db: None) -> None:
    shop, other = open_shop(), open_shop()
    with listening(shop.terminal.id) as listener:
        tap(other)
        own = tap(shop)

        assert listener.wait_for(1) == [seen(own)]


def test_every_listener_of_a_terminal_is_told(committed_db: None) -> None:
    shop = open_shop()
    with listening(shop.terminal.id) as one, listening(shop.terminal.id) as other:
        made = tap(shop)

        assert one.wait_for(1) == other.wait_for(1) == [seen(made)]


def test_tap_that_was_rolled_back_is_never_told(committed_db: None) -> None:
    shop = open_shop()
    with listening(shop.terminal.id) as listener:
        with transaction.atomic():
            tap(shop)
            transaction.set_rollback(True)
        kept = tap(shop)

        assert listener.wait_for(1) == [seen(kept)]


def test_listener_that_comes_back_is_told_what_it_missed(committed_db: None) -> None:
    shop = open_shop()
    first, second, third = tap(shop), tap(shop), tap(shop)
    with listening(shop.terminal.id, after_id=first.id) as listener:
        fourth = tap(shop)

        assert listener.wait_for(3) == [seen(one) for one in (second, third, fourth)]


def test_listener_is_told_of_silence_so_that_its_line_is_kept_open(committed_db: None) -> None:
    taps = listen_taps(uuid7(), keep_alive_s=0.01)

    assert [next(taps) for _ in range(3)] == [None, None, None]
    taps.close()  # type: ignore[attr-defined]


def wait_for_listeners(superuser: psycopg.Connection[tuple[object, ...]], count: int) -> None:
    """Look until the server has noticed closed sockets; each look is a round trip, and bounded."""
    for _ in range(10_000):
        if superuser.execute(LISTENERS).fetchone() == (count,):
            return
    pytest.fail(f"there are not {count} listeners")


def test_listener_that_goes_leaves_no_connection_behind(
    committed_db: None, superuser: psycopg.Connection[tuple[object, ...]]
) -> None:
    taps = listen_taps(uuid7(), keep_alive_s=0.01)
    next(taps)
    wait_for_listeners(superuser, 1)

    taps.close()  # type: ignore[attr-defined]

    wait_for_listeners(superuser, 0)


def test_listening_holds_none_of_the_sites_connections(committed_db: None) -> None:
    connection.ensure_connection()
    taps = listen_taps(uuid7(), keep_alive_s=0.01)

    next(taps)

    assert connection.connection is None
    taps.close()  # type: ignore[attr-defined]


def test_notification_names_no_card(committed_db: None) -> None:
    shop, card_id = open_shop(), uuid7()
    parameters = {
        name: value
        for name, value in connection.get_connection_params().items()
        if name in {"host", "dbname", "user"}
    }
    with psycopg.connect(**parameters, autocommit=True) as anybody:
        anybody.execute("listen tap")
        made = tap(shop, card_id=card_id)

        (notified,) = anybody.notifies(timeout=WAIT_S, stop_after=1)

    assert notified.payload == f"{shop.terminal.id} {made.id}"
    assert str(card_id) not in json.dumps(notified.payload)
