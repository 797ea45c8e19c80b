"""A database of its own, empty, for a test that plants faults or counts everything; dropped afterwards."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import psycopg
from django.db import connection, connections
from psycopg import sql

from prepaid.runner.cluster import SUPERUSER

# What migrations have written stays: a database without it is not a migrated one.
KEPT_TABLES = ("django_migrations", "django_content_type", "auth_permission")
_pristine: list[str] = []


def name_database(name: str) -> None:
    """Let every connection made from now on use this database."""
    connections.close_all()
    connections.settings["default"]["NAME"] = name
    connection.settings_dict["NAME"] = name


def connect_as_superuser(name: str) -> psycopg.Connection[tuple[object, ...]]:
    """Connect as the role that nothing is refused."""
    host = connections.settings["default"]["HOST"]
    return psycopg.connect(host=host, dbname=name, user=SUPERUSER, autocommit=True)


@contextlib.contextmanager
def own_database() -> Iterator[str]:
    """Use an empty database of one's own, migrated and with the same roles; give its name."""
    before = str(connections.settings["default"]["NAME"])
    name = f"{before}_{os.urandom(4).hex()}"
    _copy(_pristine_copy_of(before), name)
    name_database(name)
    try:
        yield name
    finally:
        name_database(before)
        _drop(name)


def _pristine_copy_of(name: str) -> str:
    if not _pristine:
        copy = f"{name}_pristine"
        _drop(copy)
        _copy(name, copy)
        with connect_as_superuser(copy) as opened:
            opened.execute("set session_replication_role = replica")
            tables = opened.execute(
                "select format('%%I.%%I', schemaname, tablename) from pg_tables "
                "where schemaname in ('public', 'pgmq') and not tablename = any(%s) "
                "and (schemaname = 'public' or tablename like 'q\\_%%' or tablename like 'a\\_%%')",
                [list(KEPT_TABLES)],
            ).fetchall()
            names = ", ".join(str(table) for (table,) in tables)
            opened.execute(f"truncate {names} restart identity cascade")
        _pristine.append(copy)
    return _pristine[0]


def _copy(template: str, name: str) -> None:
    connections.close_all()
    # A template is copied only when nobody is connected to it.
    end_sessions(template)
    with connect_as_superuser("postgres") as opened:
        opened.execute(
            sql.SQL("create database {} template {}").format(sql.Identifier(name), sql.Identifier(template))
        )


def end_sessions(name: str) -> None:
    """End what is left of earlier tests: a page's stream outlives its browser by a moment."""
    with connect_as_superuser("postgres") as opened:
        opened.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = %s", [name]
        )


def _drop(name: str) -> None:
    with connect_as_superuser("postgres") as opened:
        opened.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))
