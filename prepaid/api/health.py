"""Whether the site answers, and whether each part that it needs does.

Knows the database, its migrations and the broker; must not know what runs on them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import msgspec
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from prepaid.api import problems
from prepaid.celery import app

BROKER_TIMEOUT_S = 3


class NotReady(Exception):
    """A part of the site is not ready; the text says how."""


@csrf_exempt
@login_not_required
@never_cache
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Answer that the process answers."""
    return _json({"status": "ok"})


@csrf_exempt
@login_not_required
@never_cache
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Answer that every part is ready, or with 503 and the parts that are not."""
    failing = {name: text for name, check in PARTS if (text := _find_fault(check))}
    if not failing:
        return _json({"status": "ready", "parts": [name for name, _ in PARTS]})
    problem = problems.ProblemError(
        "not_ready",
        f"Not ready: {', '.join(failing)}.",
        errors={name: [text] for name, text in failing.items()},
        headers={"Retry-After": str(problems.RETRY_AFTER_S)},
    )
    return problems.answer(problem)


def _find_fault(check: Callable[[], None]) -> str:
    try:
        check()
    except NotReady as fault:
        return str(fault)
    return ""


def check_database() -> None:
    """Ask the database for anything."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("select 1")
    except DatabaseError as error:
        connection.close()
        raise NotReady("The database does not answer.") from error


def check_migrations() -> None:
    """Compare what is applied with this release; once all are, they stay so for this process."""
    try:
        _require_all_applied()
    except DatabaseError as error:
        raise NotReady("The database does not answer.") from error


@cache
def _require_all_applied() -> None:
    executor = MigrationExecutor(connection)
    waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if waiting:
        first = waiting[0][0]
        raise NotReady(f"{len(waiting)} migrations are not applied, first {first.app_label}.{first.name}.")


def check_broker() -> None:
    """Connect to the broker of the jobs."""
    try:
        with app.connection_for_write(connect_timeout=BROKER_TIMEOUT_S) as broker:
            broker.ensure_connection(max_retries=1, interval_start=0, timeout=BROKER_TIMEOUT_S)
    except Exception as error:
        # Each broker's client has its own errors, and every one of them means the same here.
        raise NotReady("The broker does not answer.") from error


PARTS = (("database", check_database), ("migrations", check_migrations), ("broker", check_broker))


def _json(said: object) -> HttpResponse:
    return HttpResponse(msgspec.json.encode(said), content_type="application/json")
