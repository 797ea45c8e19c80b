"""Fixtures of the report: an empty database, so that every figure can be told in full."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.databases import own_database
from tests.shop import assert_ledger_is_clean


@pytest.fixture
def own_db(committed_db: None) -> Iterator[str]:
    """Use an empty database until the test ends, and audit what was posted there."""
    with own_database() as name:
        yield name
        assert_ledger_is_clean()
