"""A till whose terminal has a reader, for conversations with virtual cards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.conftest import Till
from tests.cardtable import Desk, open_desk
from tests.shop import open_shop


@pytest.fixture
def desk(committed_db: None, tmp_path: Path) -> Iterator[Desk]:
    made = open_desk(Till(shop=open_shop()), tmp_path)
    yield made
    made.table.reader.close()
    made.table.counters.close()
