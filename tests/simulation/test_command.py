"""`./run simulate` as a person runs it: what it refuses, and that Ctrl-C leaves nothing behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulation.__main__ import read_choices
from tests.journey.running import ROOT, own_environment
from tests.runner.sites import wait_until

SHORT = ("--stores", "2", "--terminals", "1", "--cards", "16", "--days", "2")
RUN_TIMEOUT_S = 300


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--stores", "13"), "--stores is 1 to 12"),
        (("--days", "1"), "--days is 2 to 31"),
        (("--load", "601"), "--load is 0 to 600"),
        (("--cards", "1001"), "--cards is 1 to 1000"),
        (("--stores", "12", "--terminals", "8"), "2 to 24 terminals in all"),
        (("--stores", "1", "--terminals", "1"), "2 to 24 terminals in all"),
        (("--stores", "4", "--terminals", "4", "--cards", "100"), "16 terminals need at least --cards 128"),
    ],
)
def test_sizes_out_of_bounds_are_refused_in_a_sentence(
    words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as refused:
        read_choices(words)
    assert refused.value.code == 2
    assert said in capsys.readouterr().err


def started(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "simulation", *words],
        cwd=ROOT,
        env=own_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


@pytest.mark.journey
@pytest.mark.kill
def test_a_stopped_simulation_leaves_no_program_and_no_folder_behind() -> None:
    running = started(*SHORT)
    assert running.stdout is not None
    for line in running.stdout:
        if line.startswith("The chain is open"):
            break
    folders = {folder_of(pid) for pid in programs_of(running.pid)}
    left = programs_of(running.pid) - {running.pid}
    assert left, "the web server and the terminals are running"
    # The second one must not cut the cleaning up short.
    running.send_signal(signal.SIGINT)
    running.send_signal(signal.SIGINT)
    said = running.stdout.read()
    assert running.wait(RUN_TIMEOUT_S) == 130, said
    assert "Stopped. Nothing is left running" in said
    # The last of them were killed with their group, and are buried by whoever inherits them.
    wait_until(lambda: not any(is_alive(pid) for pid in left), "the end of everything that it started")
    assert [folder for folder in folders if folder and Path(folder).exists()] == []


def programs_of(pid: int) -> set[int]:
    """List a program and all below it."""
    found, below = {pid}, list(children_of(pid))
    while below:
        one = below.pop()
        found.add(one)
        below += children_of(one)
    return found


def children_of(pid: int) -> Iterator[int]:
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        # It may have ended since it was listed.
        with contextlib.suppress(OSError):
            yield from (int(word) for word in task.read_text().split())


def folder_of(pid: int) -> str:
    """Give the data folder that a program was started with."""
    words: list[bytes] = []
    with contextlib.suppress(OSError):
        words = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return next((word.decode().partition("=")[2] for word in words if word.startswith(b"PREPAID_DATA=")), "")


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (OSError, IndexError):
        return False
