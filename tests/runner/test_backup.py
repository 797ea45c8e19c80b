"""Backup and restore as docs/operations.md shows them, with PostgreSQL's own programs."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from django.db import connections
from kombu.simple import SimpleQueue
from psycopg import sql

from prepaid.celery import app
from prepaid.runner.binaries import find_binaries
from prepaid.runner.cluster import APP_ROLE, OWNER_ROLE, SUPERUSER
from prepaid.runner.environment import BASE_FOLDER

RESTORED = f"restored_{os.getpid()}"


def host() -> str:
    return str(connections.settings["default"]["HOST"])


def url(role: str) -> str:
    return f"postgresql://{role}@/{RESTORED}?host={quote(host(), safe='')}"


@pytest.fixture
def empty_database(committed_db: None) -> Iterator[None]:
    name, owner = sql.Identifier(RESTORED), sql.Identifier(OWNER_ROLE)
    with psycopg.connect(host=host(), dbname="postgres", user=SUPERUSER, autocommit=True) as server:
        server.execute(sql.SQL("create database {} owner {}").format(name, owner))
        yield
        server.execute(sql.SQL("drop database {} with (force)").format(name))


def run(*command: str | Path, **environment: str) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREPAID_", "DJANGO_"))}
    done = subprocess.run(
        command, env=kept | environment, cwd=BASE_FOLDER, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr


def list_rights(name: str) -> list[tuple[object, ...]]:
    with psycopg.connect(host=host(), dbname=name, user=SUPERUSER) as connection:
        return connection.execute(
            "select table_schema, table_name, privilege_type from information_schema.role_table_grants "
            "where grantee = %s and table_schema = 'public' order by 1, 2, 3",
            [APP_ROLE],
        ).fetchall()


def test_a_restored_database_has_its_rows_its_jobs_and_its_rights(
    empty_database: None, tmp_path: Path
) -> None:
    name = str(connections.settings["default"]["NAME"])
    with app.connection_for_write() as broker, SimpleQueue(broker.default_channel, "kept") as queue:
        queue.put("still to do")
    programs, dump = find_binaries().folder, tmp_path / "prepaid.dump"

    run(programs / "pg_dump", "--format=custom", "-h", host(), "-U", OWNER_ROLE, "-f", dump, name)
    run(programs / "pg_restore", "--no-owner", "--no-privileges", "--dbname", url(OWNER_ROLE), dump)
    urls = {"DATABASE_URL": url(APP_ROLE), "DATABASE_OWNER_URL": url(OWNER_ROLE)}
    run(sys.executable, "manage.py", "migrate", "--verbosity", "0", **urls)

    assert list_rights(RESTORED) == list_rights(name)
    with psycopg.connect(url(APP_ROLE)) as connection:
        assert connection.execute("select count(*) from pgmq.q_kept").fetchone() == (1,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("delete from ledger_account")
