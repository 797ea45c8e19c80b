"""An enrolled terminal against a recording site, in this process or as the real command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from terminals.connection import Timeouts
from terminals.state import StateFolder
from terminals.terminal import Terminal, enrol
from terminals.transactions import Patience
from tests.terminals.recording_site import RecordingSite

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def site() -> Iterator[RecordingSite]:
    made = RecordingSite()
    yield made
    made.stop()
    assert made.violations == []


@pytest.fixture
def folder(tmp_path: Path, site: RecordingSite) -> StateFolder:
    """The state folder of a terminal enrolled at the recording site."""
    made = StateFolder(tmp_path / "state")
    enrol(made, site=site.address, code="CODE", reader="udp:127.0.0.1:1")
    site.calls.clear()
    return made


@pytest.fixture
def terminal(folder: StateFolder) -> Iterator[Terminal]:
    """That terminal, opened, with short patience."""
    patience = Patience(attempts=3, pause_s=0.001, pause_s_max=0.01)
    made = Terminal(folder, patience=patience, timeouts=Timeouts(answer_s=5.0))
    yield made
    made.close()


class Agent:
    """The agent's command line in a process of its own."""

    def __init__(self, folder: StateFolder) -> None:
        self.folder = folder

    def run(self, *words: str, dies_at: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command to its end; `dies_at` names the step at which it kills itself with -9."""
        module = ["-m", "terminals"] if dies_at is None else ["-m", "tests.terminals.dying_agent", dies_at]
        return subprocess.run(
            [sys.executable, *module, *words, "--state", str(self.folder.path)],
            capture_output=True,
            text=True,
            cwd=ROOT,
            env=os.environ | {"LANG": "C.UTF-8"},
            timeout=60,
            check=False,
        )

    def json(self, *words: str) -> tuple[int, dict[str, Any]]:
        """Run a command with --json; its exit code and what it printed return."""
        ended = self.run(*words, "--json")
        assert "Traceback" not in ended.stderr, ended.stderr
        return ended.returncode, json.loads(ended.stdout)


@pytest.fixture
def agent(folder: StateFolder) -> Agent:
    return Agent(folder)
