"""What races share: results counted, and guards taken out of an own database, to show them at work."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from functools import partial

import psycopg
from django.db import connection

from prepaid.cards.presentation import Presentation
from prepaid.ledger.loading import SITE
from prepaid.money import Money
from prepaid.runner.cluster import SUPERUSER
from prepaid.stored_value.answers import Answer
from prepaid.stored_value.redeem import redeem
from prepaid.stored_value.requests import Request
from tests.databases import connect_as_superuser

THREADS = 100
# In place of a guard: whoever comes waits there for another, so that the lack of the guard shows each time.
MEET = "meet_another()"
MEETING = """
create or replace function meet_another() returns boolean language plpgsql as $$
declare
    v_until timestamptz := clock_timestamp() + interval '2 s';
begin
    perform pg_advisory_xact_lock_shared(1);
    loop
        exit when clock_timestamp() > v_until or (
            select count(*) > 1 from pg_locks
            where locktype = 'advisory' and objid = 1
                and database = (select oid from pg_database where datname = current_database()));
        perform pg_sleep(0.001);
    end loop;
    return true;
end $$"""


def outcomes(results: list[Answer | Exception]) -> Counter[str]:
    return Counter(
        f"{result.outcome}{' again' if result.replayed else ''}"
        if isinstance(result, Answer)
        else type(result).__name__
        for result in results
    )


def change(statement: str) -> None:
    """Change the scratch database as a superuser."""
    settings = connection.settings_dict
    with psycopg.connect(
        host=settings["HOST"], dbname=settings["NAME"], user=SUPERUSER, autocommit=True
    ) as superuser:
        superuser.execute(statement)


def take_out(function: str, guard: str, *, instead: str = "") -> None:
    """Load a function of the scratch database again without its guard. `instead` may call MEET."""
    text = function_text(function)
    assert guard in text, f"{function} has no {guard!r}"
    change(MEETING)
    change(text.replace(guard, instead))


def function_text(function: str) -> str:
    """Read the file of a function."""
    (file,) = SITE.glob(f"*/sql/functions/{function}.sql")
    return file.read_text()


def wait_until_blocked_or_over(racing: threading.Thread) -> None:
    """Come back when a thread's call waits for a lock, or is over."""
    waiting = (
        "select exists (select from pg_stat_activity "
        "where datname = current_database() and wait_event_type = 'Lock')"
    )
    with connect_as_superuser(str(connection.settings_dict["NAME"])) as watching:
        give_up = time.monotonic() + 30
        while racing.is_alive() and watching.execute(waiting).fetchone() != (True,):
            assert time.monotonic() < give_up, "it does neither"


def spend(request: Request, tap: Presentation) -> Callable[[], Answer]:
    return partial(redeem, request, tap, Money(100, "CNY"))
