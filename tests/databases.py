"""A database of its own, empty, for a test that plants faults or counts everything; dropped afterwards."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import psycopg
from django.db import connection, connections
from psycopg import sql

from prepaid.runner.cluster import OWNER_ROLE, SUPERUSER

# The migrated database that rolled-back tests share, its untouched copy, and the one that tests commit to.
_main: list[str] = []
_committed: list[str] = []


def name_database(name: str) -> None:
    """Let every connection made from now on use this database."""
    connections.close_all()
    connections.settings["default"]["NAME"] = name
    connection.settings_dict["NAME"] = name


def connect_as_superuser(name: str) -> psycopg.Connection[tuple[object, ...]]:
    """Connect as the role that nothing is refused."""
    host = connections.settings["default"]["HOST"]
    return psycopg.connect(host=host, dbname=name, user=SUPERUSER, autocommit=True)


def keep_pristine(name: str) -> None:
    """Remember the database that was just migrated, and keep a copy that no test ever uses."""
    _main[:] = [name]
    _copy(name, _pristine())


@contextlib.contextmanager
def own_database() -> Iterator[str]:
    """Use a database of one's own, as migrated and with the same roles; give its name."""
    before = str(connections.settings["default"]["NAME"])
    name = f"{_main[0]}_{os.urandom(4).hex()}"
    _copy(_pristine(), name)
    name_database(name)
    try:
        yield name
    finally:
        name_database(before)
        _drop(name)


@contextlib.contextmanager
def committed_database() -> Iterator[None]:
    """Use the database that tests commit to, unless in one of one's own; rolled-back tests see none of it."""
    before = str(connections.settings["default"]["NAME"])
    if before != _main[0]:
        yield
        return
    if not _committed:
        _committed.append(f"{_main[0]}_committed")
        _copy(_pristine(), _committed[0])
    name_database(_committed[0])
    try:
        yield
    finally:
        name_database(before)


def drop_copies() -> None:
    """Drop what was copied for the whole run."""
    for name in (_pristine(), *_committed):
        _drop(name)


def _pristine() -> str:
    return f"{_main[0]}_pristine"


def _copy(template: str, name: str) -> None:
    connections.close_all()
    # A template is copied only when nobody is connected to it.
    end_sessions(template)
    with connect_as_superuser("postgres") as opened:
        opened.execute(
            sql.SQL("create database {} owner {} template {}").format(
                sql.Identifier(name), sql.Identifier(OWNER_ROLE), sql.Identifier(template)
            )
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
