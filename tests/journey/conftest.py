"""One whole site for the tests of this folder; each test enrols a terminal and issues cards of its own."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journey.running import RunningSite


@pytest.fixture
def data_folder() -> Iterator[Path]:
    """A folder whose name is short enough for a socket, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="journey-") as folder:
        yield Path(folder) / "data"


@pytest.fixture
def site(data_folder: Path) -> Iterator[RunningSite]:
    """A site that runs for one test and stops as Ctrl-C would stop it."""
    running = RunningSite(data_folder)
    try:
        running.start()
        yield running
    finally:
        running.stop()
