"""A pooled connection that the server closed is never handed out."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import psycopg
import pytest
from django.db import connection

from prepaid.runner.postgresql.base import DatabaseWrapper, is_closed_by_server

CONNECTIONS = 3


@pytest.fixture
def pooled(committed_db: None) -> Iterator[DatabaseWrapper]:
    settings = copy.deepcopy(connection.settings_dict)
    settings["OPTIONS"]["pool"] = {"min_size": CONNECTIONS, "max_size": CONNECTIONS, "timeout": 5}
    wrapper = DatabaseWrapper(settings, alias=connection.alias)
    yield wrapper
    wrapper.close()
    wrapper.close_pool()


def backend_of(wrapper: DatabaseWrapper) -> int:
    """Ask which of the server's processes answers, and give the connection back."""
    with wrapper.cursor() as cursor:
        cursor.execute("select pg_backend_pid()")
        (backend,) = cursor.fetchone()
    wrapper.close()
    return int(backend)


def test_idle_connections_that_the_server_closed_are_replaced(
    pooled: DatabaseWrapper, superuser: psycopg.Connection[tuple[object, ...]]
) -> None:
    before = {backend_of(pooled) for _ in range(CONNECTIONS)}
    closed = superuser.execute("select pg_terminate_backend(pid, 5000) from unnest(%s) as pid", [[*before]])
    assert closed.fetchall() == [(True,)] * len(before)

    after = {backend_of(pooled) for _ in range(CONNECTIONS)}

    assert not before & after


def test_live_connection_is_kept(pooled: DatabaseWrapper) -> None:
    with pooled.cursor() as cursor:
        cursor.execute("select 1")
        assert not is_closed_by_server(pooled.connection)
    first = backend_of(pooled)

    assert first in {backend_of(pooled) for _ in range(CONNECTIONS)}
