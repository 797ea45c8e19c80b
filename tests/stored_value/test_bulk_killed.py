"""Whoever works off an order or an import is killed at any moment; all is done once, the audit is clean."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from urllib.parse import quote
from uuid import UUID

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone
from pytest_django.plugin import DjangoDbBlocker

from prepaid.cards.models import BulkLine, BulkSecrets, CardOrder
from prepaid.runner.environment import BASE_FOLDER
from prepaid.stored_value.bulk import orders
from prepaid.stored_value.bulk.imports import undo_import
from prepaid.stored_value.bulk.work import work_off
from tests.databases import own_database
from tests.shop import assert_ledger_is_clean, open_shop, together
from tests.stored_value.bulk import approved, draft, rows, started, upload

LINES, CHUNK = 400, 7
KILLS = 3


@pytest.fixture
def alone(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """A database in which nothing else waits."""
    with django_db_blocker.unblock(), own_database():
        yield


@pytest.fixture
def workers(alone: None) -> Iterator[Workers]:
    made = Workers()
    yield made
    made.end()


class Workers:
    """The program whose children work, each until it is done or killed."""

    def __init__(self) -> None:
        database = connection.settings_dict
        host = quote(database["HOST"], safe="")
        self._program = subprocess.Popen(
            [sys.executable, "-m", "tests.stored_value.bulk_worker", str(CHUNK)],
            cwd=BASE_FOLDER,
            env={
                "PATH": os.environ["PATH"],
                "DJANGO_SETTINGS_MODULE": "tests.jobs.settings_worker",
                "DATABASE_URL": f"postgresql://{database['USER']}@/{database['NAME']}?host={host}",
                "PREPAID_DATA": str(settings.KEYS_FILE.parent),
                "SECRET_KEY": "a key for tests that guards nothing",
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def kill_until_done(self, seed: int) -> None:
        """Kill workers after a chosen number of chunks and a moment more, then let one end."""
        choose = random.Random(seed)
        for _ in range(KILLS):
            number = self._start()
            for _ in range(choose.randint(2, 9)):
                assert self._line() == "chunk"
            spin_until = time.monotonic() + choose.random() / 50
            while time.monotonic() < spin_until:
                pass
            os.kill(number, signal.SIGKILL)
            assert self._end_of_one() == -signal.SIGKILL
        self._start()
        assert self._end_of_one() == 0

    def end(self) -> None:
        assert self._program.stdin is not None
        assert self._program.stdout is not None
        self._program.stdin.close()
        self._program.stdout.close()
        assert self._program.wait(30) == 0

    def _start(self) -> int:
        assert self._program.stdin is not None
        self._program.stdin.write("work\n")
        self._program.stdin.flush()
        return int(self._line())

    def _line(self) -> str:
        assert self._program.stdout is not None
        line: str = self._program.stdout.readline()
        return line.rstrip("\n")

    def _end_of_one(self) -> int:
        while (line := self._line()) == "chunk":
            pass
        word, code = line.split()
        assert word == "ended"
        return int(code)


@pytest.mark.kill
@pytest.mark.parametrize("seed", [1, 2])
def test_an_order_is_made_and_loaded_once_however_often_its_worker_is_killed(
    workers: Workers, seed: int
) -> None:
    order = draft(open_shop(), LINES)
    approved(order, at=timezone.now())
    workers.kill_until_done(seed)
    order.refresh_from_db()
    assert (order.state, order.made_count) == ("made", LINES)
    orders.record_funds(order.id, reference="", by="m2", at=timezone.now())
    workers.kill_until_done(seed + 100)
    order.refresh_from_db()
    assert (order.state, order.loaded_count) == ("activated", LINES)
    assert tally(order.id) == [(LINES, LINES, LINES * 10_000, 1)]
    # Two credentials and one row of secrets a chunk, none twice.
    assert rows("select count(*) from cards_credential", []) == [(2 * LINES,)]
    assert BulkSecrets.objects.count() == -(-LINES // CHUNK)
    assert_ledger_is_clean()


@pytest.mark.kill
def test_an_import_is_run_and_undone_once_however_often_its_worker_is_killed(workers: Workers) -> None:
    made = upload(open_shop(), sheet(LINES), at=timezone.now())
    started(made, at=timezone.now())
    workers.kill_until_done(7)
    made.refresh_from_db()
    assert (made.state, made.done_count) == ("done", LINES)
    assert tally(made.id) == [(LINES, LINES, LINES * 300, 1)]
    assert_ledger_is_clean()
    undo_import(made.id, by="m1", at=timezone.now())
    workers.kill_until_done(8)
    made.refresh_from_db()
    assert (made.state, made.undone_count) == ("undone", LINES)
    assert tally(made.id) == [(LINES, LINES, 0, 2)]
    assert_ledger_is_clean()


@pytest.mark.race
def test_workers_side_by_side_do_everything_once(alone: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orders, "CHUNK_LINES", 10)
    order, made = draft(open_shop(), 60), upload(open_shop(), sheet(60), at=timezone.now())
    approved(order, at=timezone.now())
    started(made, at=timezone.now())
    assert not failures(4)
    orders.record_funds(order.id, reference="", by="m2", at=timezone.now())
    assert not failures(4)
    assert tally(order.id) == [(60, 60, 600_000, 1)]
    assert tally(made.id) == [(60, 60, 18_000, 1)]
    assert_ledger_is_clean()


@pytest.mark.race
def test_without_the_lock_on_the_order_workers_side_by_side_stand_in_each_other_s_way(
    alone: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orders, "CHUNK_LINES", 10)
    monkeypatch.setattr(orders, "DRAWS_MAX", 1)
    monkeypatch.setattr(CardOrder.objects, "select_for_update", CardOrder.objects.all, raising=False)
    order = draft(open_shop(), 60)
    approved(order, at=timezone.now())
    stage = orders.__dict__["stage"]
    barrier = [0]

    def stage_together(*args: object) -> int:
        barrier[0] += 1
        deadline = time.monotonic() + 5
        while barrier[0] < 2 and time.monotonic() < deadline:
            pass
        return int(stage(*args))

    monkeypatch.setattr(orders, "stage", stage_together)
    results = run_together([lambda: orders.make_chunk(order.id, at=timezone.now())] * 2)
    assert len([result for result in results if isinstance(result, Exception)]) == 1


def failures(count: int) -> list[object]:
    results = run_together([lambda: work_off(now=timezone.now, may_go_on=lambda: True)] * count)
    return [result for result in results if isinstance(result, Exception)]


def run_together(calls: list[Callable[[], object]]) -> list[object]:
    return list(together(calls))  # type: ignore[arg-type]


def sheet(count: int) -> str:
    return "external_id,balance,bonus\n" + "".join(f"K{no},2.00,1.00\n" for no in range(count))


def tally(bulk_id: UUID) -> list[tuple[object, ...]]:
    """Count lines, their cards, their value, and how many postings each account has."""
    assert BulkLine.objects.filter(bulk_id=bulk_id).exists()
    return rows(
        "select count(*)::int, count(distinct line.card_id)::int, sum(account.balance)::int, "
        "account.position::int "
        "from cards_bulkline as line join ledger_account as account on account.id = line.account_id "
        "where line.bulk_id = %s group by account.position",
        [bulk_id],
    )
