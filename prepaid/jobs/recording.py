"""What every task does beside its work: write when it began, how it ended, and that its worker lives."""

from __future__ import annotations

from typing import Any

from celery import Task
from django.utils import timezone

from prepaid.settlement import runs


class RecordedTask(Task):  # type: ignore[type-arg]
    """A task whose last run the office can see."""

    def before_start(self, task_id: str, args: Any, kwargs: Any) -> None:
        """Write that it began."""
        worker, now = self.request.hostname or "", timezone.now()
        runs.begin(self.name, worker=worker, at=now)
        runs.see_worker(worker, at=now)

    def on_success(self, retval: Any, task_id: str, args: Any, kwargs: Any) -> None:
        """Write that it ended well."""
        runs.succeed(self.name, result="" if retval is None else str(retval), at=timezone.now())

    def on_failure(self, exc: Exception, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:
        """Write that it failed."""
        runs.fail(self.name, error=f"{type(exc).__name__}: {exc}", at=timezone.now())
