"""The jobs as they run: a real worker takes them from the real broker, and loses none when it is killed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django.plugin import DjangoDbBlocker

from prepaid.celery import app
from prepaid.identifiers import uuid7
from prepaid.jobs import tasks
from prepaid.jobs.schedule import BEAT_SCHEDULE
from prepaid.money import Money
from prepaid.settlement.models import JobRun, SettlementException, Worker
from prepaid.settlement.runs import find_health
from prepaid.stored_value.hold import hold
from prepaid.stores.models import Tap, Terminal
from tests.databases import connect_as_superuser, own_database
from tests.jobs.programs import Program, start_clock, start_worker, wait_until
from tests.shop import open_shop

pytestmark = pytest.mark.usefixtures("committed_db")


@pytest.fixture(scope="module")
def database(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    """An empty database for the worker of this module."""
    with django_db_blocker.unblock(), own_database() as name:
        yield name


@pytest.fixture(scope="module")
def worker(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    with start_worker(tmp_path_factory.mktemp("worker"), "shared") as program:
        yield program


def enqueue(task: Any) -> None:
    """Send a task as the site does, on a connection of its own: pooled ones may be of another database."""
    with app.connection_for_write() as broker:
        task.apply_async(connection=broker)


def run(task: Any) -> JobRun:
    """Send a task and wait until the worker has done it."""
    before = JobRun.objects.filter(job=task.name).values_list("runs", flat=True).first() or 0
    enqueue(task)
    wait_until(lambda: JobRun.objects.filter(job=task.name, runs__gt=before).exists(), task.name)
    return JobRun.objects.get(job=task.name)


def waiting_messages() -> int:
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from pgmq.q_prepaid")
        return int(cursor.fetchone()[0])


def test_reconcile_stores_what_it_finds_and_running_twice_changes_nothing(worker: Program) -> None:
    shop = open_shop()
    silent = Terminal.objects.filter(id=shop.terminal.id)
    silent.update(queue_count=3, queue_amount_minor=900)

    first = run(tasks.reconcile)
    stored = list(SettlementException.objects.values_list("id", "kind", "key"))
    second = run(tasks.reconcile)

    assert [(kind, key) for _, kind, key in stored] == [("terminal_silent_with_queue", str(shop.terminal.id))]
    assert list(SettlementException.objects.values_list("id", "kind", "key")) == stored
    assert (first.state, first.result) == ("done", "1 open, 1 new, 0 vanished")
    assert (second.state, second.result) == ("done", "1 open, 0 new, 0 vanished")
    assert second.worker == "shared@test"
    silent.update(queue_count=0)


def test_due_hold_is_released_by_the_job(worker: Program) -> None:
    shop = open_shop()
    shop.at = timezone.now() - timedelta(hours=2)
    held = shop.card(balance=5_000)
    hold(shop.request(), held.tap(), Money(700, "CNY"), expires_at=shop.at + timedelta(hours=1))

    assert run(tasks.expire_holds).result == "1 released"
    assert run(tasks.expire_holds).result == "0 released"
    assert run(tasks.expire_approvals).result == "0 expired"


def test_bonus_is_paid_and_value_expired_once(worker: Program) -> None:
    now = timezone.now()
    shop = open_shop(value_valid_months=1)
    shop.at = now - timedelta(days=40)
    shop.offer(1_000, 30, instalments=3, interval="week")
    held = shop.card(balance=1_000)

    assert [run(tasks.pay_instalments).result for _ in range(2)] == ["2 paid", "0 paid"]
    assert [run(tasks.expire_lots).result for _ in range(2)] == ["1 expired", "0 expired"]
    assert held.balance() == 30
    assert held.row("held") == 0


def test_outbox_is_folded_once(worker: Program) -> None:
    shop = open_shop()
    shop.card(balance=5_000)

    run(tasks.fold_outbox)
    run(tasks.fold_outbox)

    with connection.cursor() as cursor:
        cursor.execute("select count(*) from ledger_outbox")
        assert cursor.fetchone() == (0,)
        cursor.execute("select count, amount from ledger_daily_sum where store_id = %s", [shop.store.id])
        assert cursor.fetchall() == [(1, 5_000)]


def test_old_taps_are_swept_and_new_ones_stay(worker: Program) -> None:
    shop = open_shop()
    now = timezone.now()
    for age in (timedelta(hours=25), timedelta(hours=23)):
        Tap.objects.create(terminal=shop.terminal, method="sun", card_id=uuid7(), at=now - age)

    swept = "1 taps, 0 enrolment codes, 0 card sessions, 0 rows of terminals"
    assert run(tasks.sweep).result == swept
    assert Tap.objects.get().at == now - timedelta(hours=23)


def test_batches_are_compared_by_the_job(worker: Program) -> None:
    assert run(tasks.compare_batches).result.endswith(" open, 0 new, 0 vanished")


def test_worker_that_lives_is_seen_and_a_failed_job_says_why(worker: Program, database: str) -> None:
    run(tasks.heartbeat)
    assert find_health(timezone.now()).is_alive
    assert not find_health(timezone.now() + timedelta(seconds=91)).is_alive

    with connect_as_superuser(database) as opened:
        opened.execute("alter function ledger_fold_outbox(integer) rename to ledger_fold_away")
        failed = run(tasks.fold_outbox)
        opened.execute("alter function ledger_fold_away(integer) rename to ledger_fold_outbox")

    assert (failed.state, failed.failures) == ("failed", 1)
    assert "function ledger_fold_outbox(integer) does not exist" in failed.error
    assert run(tasks.fold_outbox).state == "done"


@pytest.mark.kill
def test_task_of_a_killed_worker_comes_back_and_is_done_by_another(
    committed_db: None, tmp_path: Path
) -> None:
    with own_database() as name, connect_as_superuser(name) as other:
        enqueue(tasks.reconcile)
        with other.transaction(force_rollback=True):
            # The audit waits for this lock, so that the worker is killed in the midst of its task.
            other.execute("lock table ledger_account in access exclusive mode")
            with start_worker(tmp_path, "first") as first:
                wait_until(lambda: count_waiting(name) == 1, "the job at work")
                first.kill()
        assert JobRun.objects.get(job="reconcile").state == JobRun.State.RUNNING
        assert waiting_messages() == 1

        with start_worker(tmp_path, "second"):
            wait_until(lambda: JobRun.objects.filter(job="reconcile", state="done").exists(), "the job again")
            wait_until(lambda: waiting_messages() == 0, "the message acknowledged")

        done = JobRun.objects.get(job="reconcile")
        assert (done.worker, done.runs, done.failures) == ("second@test", 1, 0)
        assert set(Worker.objects.values_list("name", flat=True)) == {"first@test", "second@test"}


def count_waiting(name: str) -> int:
    with connect_as_superuser("postgres") as opened:
        row = opened.execute(
            "select count(*) from pg_stat_activity where datname = %s and wait_event_type = 'Lock'", [name]
        ).fetchone()
    assert row is not None
    return int(str(row[0]))


def test_clock_starts_the_jobs(worker: Program, tmp_path: Path) -> None:
    before = {job.job: job.runs for job in JobRun.objects.all()}
    with start_clock(tmp_path):
        for job in ("heartbeat", "fold_outbox", "expire_holds"):
            again = before.get(job, 0) + 2
            wait_until(lambda job=job, again=again: runs_of(job) >= again, f"{job} twice by the clock")  # type: ignore[misc]


def runs_of(job: str) -> int:
    return JobRun.objects.filter(job=job).values_list("runs", flat=True).first() or 0


@pytest.mark.parametrize("name", BEAT_SCHEDULE)
def test_schedule_names_a_task_and_lets_its_messages_expire(name: str) -> None:
    entry = BEAT_SCHEDULE[name]
    assert entry["task"] in app.tasks
    assert entry["options"]["expires"] > 0
