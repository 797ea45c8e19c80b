"""The jobs. Each calls one function, is safe to run twice and beside itself, and answers in one short text.

Knows names and limits; must not know how anything is done.
"""

from __future__ import annotations

import time
from functools import partial

from django.utils import timezone

from prepaid.cards.sessions import sweep_sessions
from prepaid.celery import app
from prepaid.jobs.recording import RecordedTask
from prepaid.ledger.outbox import fold_outbox as fold
from prepaid.settlement import reconcile as reconciling
from prepaid.settlement.fleet import watch_terminals as watch
from prepaid.stored_value.approvals.service import expire_approvals as close_requests
from prepaid.stored_value.bonus import pay_instalments as pay
from prepaid.stored_value.bulk.work import work_off
from prepaid.stored_value.expire import expire_lots as expire_value
from prepaid.stored_value.holds import expire_holds as expire
from prepaid.stores import sweeping

task = partial(app.task, base=RecordedTask)
# Below the visibility timeout of the broker: a task that runs for longer would be given to another worker.
RECONCILE_TIME_LIMIT_S = 280
# A turn at orders and imports, so that the other jobs of one worker are not kept waiting.
BULK_TURN_S = 20.0


@task(name="reconcile", time_limit=RECONCILE_TIME_LIMIT_S, soft_time_limit=RECONCILE_TIME_LIMIT_S - 10)
def reconcile() -> str:
    """Audit the ledger, compare the batches, look for silent terminals."""
    return str(reconciling.reconcile(timezone.now()))


@task(name="compare_batches")
def compare_batches() -> str:
    """Compare the batches of late again."""
    return str(reconciling.compare_batches(timezone.now()))


@task(name="expire_holds")
def expire_holds() -> str:
    """Release the holds whose time is over."""
    return f"{expire(timezone.now())} released"


@task(name="expire_approvals")
def expire_approvals() -> str:
    """Close the requests that nobody decided in time."""
    return f"{close_requests(timezone.now())} expired"


@task(name="pay_instalments")
def pay_instalments() -> str:
    """Pay the parts of bonus that are due."""
    return f"{pay(timezone.now())} paid"


@task(name="expire_lots")
def expire_lots() -> str:
    """Take value off whose last day is over."""
    return f"{expire_value(timezone.now())} expired"


@task(name="fold_outbox")
def fold_outbox() -> str:
    """Fold new postings into the daily sums."""
    return f"{fold()} folded"


@task(name="bulk", time_limit=RECONCILE_TIME_LIMIT_S)
def bulk() -> str:
    """Make, load, bring in and take back cards of orders and imports, for one turn."""
    ends = time.monotonic() + BULK_TURN_S
    chunks = work_off(now=timezone.now, may_go_on=lambda: time.monotonic() < ends)
    return f"{chunks} parts"


@task(name="watch_terminals")
def watch_terminals() -> str:
    """Tell the office of terminals that are silent, locked or full of unsent transactions."""
    return f"{watch(timezone.now())} new"


@task(name="sweep")
def sweep() -> str:
    """Remove what is kept for a while only: taps, enrolment codes, conversations with cards, old health."""
    now = timezone.now()
    return (
        f"{sweeping.sweep_taps(now)} taps, {sweeping.sweep_enrolments(now)} enrolment codes, "
        f"{sweep_sessions(now)} card sessions, {sweeping.sweep_terminals(now)} rows of terminals"
    )


@task(name="heartbeat")
def heartbeat() -> None:
    """Do nothing: that it ran says that clock, broker and worker do."""
