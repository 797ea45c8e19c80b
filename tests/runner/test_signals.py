"""A stop signal that comes while a program forks is answered after it, not lost in a hook of the fork's."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.journey.running import ROOT

FORKS = """
import contextlib, os, signal, sys
from prepaid.runner.supervisor import StopRequested, on_signals, request_stop, signals_kept_back

os.register_at_fork(before=lambda: signal.raise_signal(signal.SIGINT))
with on_signals(request_stop):
    try:
        with signals_kept_back() if sys.argv[1] == "kept back" else contextlib.nullcontext():
            if not os.fork():
                os._exit(0)
            os.wait()
    except StopRequested:
        print("stopped")
    else:
        print("lost")
"""


@pytest.mark.parametrize(("how", "came_of_it"), [("kept back", "stopped"), ("not kept back", "lost")])
def test_a_stop_that_comes_while_a_program_forks_is_not_lost(how: str, came_of_it: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", FORKS, how], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert ended.stdout.strip() == came_of_it
