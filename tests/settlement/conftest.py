"""Fixtures of settlement: a shop in an empty database of its own."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from tests.databases import connect_as_superuser
from tests.shop import Shop, open_shop


@pytest.fixture
def shop(own_db: str) -> Shop:
    return open_shop()


@pytest.fixture
def behind_the_ledger(own_db: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """A connection that neither privileges nor triggers hold back: for planting what must be found."""
    with connect_as_superuser(own_db) as opened:
        opened.execute("set session_replication_role = replica")
        yield opened
