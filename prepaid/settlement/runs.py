"""Runs of the jobs: when each ran last and how it ended, which workers live, and what waits in the queue.

Knows names and times; must not know what a job does.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection
from django.db.models import F

from prepaid.settlement.models import JobRun, Worker

# A worker says that it lives every 30 s: three missed ones are worth a look.
SILENT_AFTER = timedelta(seconds=90)
WORKERS_KEPT_FOR = timedelta(days=1)
ERROR_LENGTH_MAX = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """What waits for a worker: how many tasks, and since when the oldest."""

    waiting: int
    oldest_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """Whether jobs run: `queue` is None where the broker is not the site's own database."""

    runs: list[JobRun]
    workers: list[Worker]
    queue: Queue | None
    at: datetime

    @property
    def is_alive(self) -> bool:
        """Say whether any worker was heard of late."""
        return any(worker.seen_at >= self.at - SILENT_AFTER for worker in self.workers)


def begin(job: str, *, worker: str, at: datetime) -> None:
    """Write that a job began on a worker."""
    JobRun.objects.bulk_create(
        [JobRun(job=job, worker=worker, state=JobRun.State.RUNNING, started_at=at)],
        update_conflicts=True,
        unique_fields=["job"],
        update_fields=["worker", "state", "started_at"],
    )


def succeed(job: str, *, result: str, at: datetime) -> None:
    """Write that a job ended well, and what came of it."""
    JobRun.objects.filter(job=job).update(
        state=JobRun.State.DONE, ended_at=at, done_at=at, result=result[:200], error="", runs=F("runs") + 1
    )


def fail(job: str, *, error: str, at: datetime) -> None:
    """Write that a job failed, and why."""
    JobRun.objects.filter(job=job).update(
        state=JobRun.State.FAILED,
        ended_at=at,
        error=error[:ERROR_LENGTH_MAX],
        runs=F("runs") + 1,
        failures=F("failures") + 1,
    )


def see_worker(name: str, *, at: datetime) -> None:
    """Write that a worker lives, and forget those that have not been heard of for a day."""
    Worker.objects.bulk_create(
        [Worker(name=name, started_at=at, seen_at=at)],
        update_conflicts=True,
        unique_fields=["name"],
        update_fields=["seen_at"],
    )
    Worker.objects.filter(seen_at__lt=at - WORKERS_KEPT_FOR).delete()


def find_health(at: datetime) -> Health:
    """Find how the jobs are: each job's last run, the workers, the queue."""
    return Health(
        runs=list(JobRun.objects.order_by("job")),
        workers=list(Worker.objects.order_by("name")),
        queue=find_queue(),
        at=at,
    )


def find_queue() -> Queue | None:
    """Find what waits in the queue, where the queue is in the site's own database."""
    table = f"pgmq.q_{settings.CELERY_TASK_DEFAULT_QUEUE}"
    with connection.cursor() as cursor:
        cursor.execute("select to_regclass(%s) is not null", [table])
        if not cursor.fetchone()[0]:
            return None
        cursor.execute(f"select count(*), min(enqueued_at) from {table} where vt <= now()")
        waiting, oldest_at = cursor.fetchone()
    return Queue(waiting=waiting, oldest_at=oldest_at)
