"""How the jobs are, as the office shows it.

Knows words and tones; when a job counts as late is decided by settlement.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from prepaid.settlement.models import JobRun
from prepaid.settlement.runs import SILENT_AFTER, Health

# Longer than any job may take: what has run for so long was killed with its worker, and will be done again.
RUNS_AT_MOST = timedelta(minutes=5)
# A queue whose oldest task waits longer is not being worked off.
WAITS_AT_MOST = timedelta(minutes=2)
TITLES = {
    "reconcile": gettext_lazy("Nightly audit"),
    "compare_batches": gettext_lazy("Comparison of batches"),
    "expire_holds": gettext_lazy("Expiry of holds"),
    "expire_approvals": gettext_lazy("Expiry of approvals"),
    "pay_instalments": gettext_lazy("Bonus by instalments"),
    "expire_lots": gettext_lazy("Expiry of value"),
    "fold_outbox": gettext_lazy("Daily sums"),
    "bulk": gettext_lazy("Orders and imports"),
    "watch_terminals": gettext_lazy("Watch over terminals"),
    "sweep": gettext_lazy("Sweeping"),
    "heartbeat": gettext_lazy("Sign of life"),
}


# What jobs count, as they write it.
COUNTED = {
    "released": gettext_lazy("%(count)s released"),
    "expired": gettext_lazy("%(count)s expired"),
    "paid": gettext_lazy("%(count)s paid"),
    "folded": gettext_lazy("%(count)s folded"),
    "parts": gettext_lazy("%(count)s parts"),
    "open": gettext_lazy("%(count)s open"),
    "new": gettext_lazy("%(count)s new"),
    "vanished": gettext_lazy("%(count)s vanished"),
    "taps": gettext_lazy("%(count)s taps"),
    "enrolment codes": gettext_lazy("%(count)s enrolment codes"),
    "card sessions": gettext_lazy("%(count)s card sessions"),
    "rows of terminals": gettext_lazy("%(count)s rows of terminals"),
}


def _in_words(part: str) -> str:
    count, _space, what = part.partition(" ")
    return str(COUNTED[what]) % {"count": count} if what in COUNTED else part


@dataclass(frozen=True, slots=True)
class JobLine:
    """A job's last run with its state in one word and its tone."""

    run: JobRun | None
    title: str | Promise
    state: str
    tone: str

    @property
    def result(self) -> str:
        """Say what the last run came to; what is not known in words stays as the job wrote it."""
        parts = self.run.result.split(", ") if self.run and self.run.result else []
        return ", ".join(_in_words(part) for part in parts)


@dataclass(frozen=True, slots=True)
class WorkerLine:
    """A worker, and whether it was heard of lately."""

    name: str
    seen_at: datetime
    is_alive: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Jobs:
    """The panel: `trouble` is a sentence where nothing runs."""

    lines: list[JobLine]
    workers: list[WorkerLine]
    trouble: str


def describe(health: Health) -> Jobs:
    """Describe how the jobs are."""
    return Jobs(
        lines=list_lines(health),
        workers=[
            WorkerLine(worker.name, worker.seen_at, worker.seen_at >= health.at - SILENT_AFTER)
            for worker in health.workers
        ],
        trouble=trouble_of(health),
    )


def list_lines(health: Health) -> list[JobLine]:
    """List every job that there is, run or not, then any that ran under another name."""
    runs = {run.job: run for run in health.runs}
    known = [
        line_of(runs.pop(job), health.at) if job in runs else JobLine(None, title, _("Not run yet"), "")
        for job, title in TITLES.items()
    ]
    return known + [line_of(run, health.at) for run in runs.values()]


def line_of(run: JobRun, at: datetime) -> JobLine:
    """Put a run's state into a word."""
    title = TITLES.get(run.job, run.job)
    if run.state == JobRun.State.FAILED:
        return JobLine(run, title, _("Failed"), "bad")
    if run.state == JobRun.State.RUNNING:
        if at - run.started_at > RUNS_AT_MOST:
            return JobLine(run, title, _("Interrupted"), "bad")
        return JobLine(run, title, _("Running"), "blue")
    return JobLine(run, title, _("Done"), "good")


def trouble_of(health: Health) -> str:
    """Say why no job runs, or nothing."""
    if not health.is_alive:
        return _(
            "No worker has been heard of for more than a minute: no job runs. Start the worker and the clock."
        )
    oldest = health.queue and health.queue.oldest_at
    if oldest and health.at - oldest > WAITS_AT_MOST:
        return _("Tasks have been waiting for more than two minutes: the worker does not keep up.")
    return ""
