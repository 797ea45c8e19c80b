"""A folder for real data: pytest's own are closed to the user that root's PostgreSQL runs as."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def open_folder() -> Iterator[Path]:
    yield from make_open_folder()


@pytest.fixture(scope="module")
def shared_folder() -> Iterator[Path]:
    yield from make_open_folder()


def make_open_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="prepaid-runner-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
