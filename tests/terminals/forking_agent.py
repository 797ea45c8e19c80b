"""An agent that forks for each command that it is given; the child kills itself with SIGKILL at a point.

A point is passed before and after each journal commit, each file put in place, each send and receive, and
each frame of the reader. Run as a process of its own: it has one thread, so that forking it is safe.
"""

from __future__ import annotations

import contextlib
import functools
import http.client
import json
import os
import signal
import sqlite3
import sys
from collections.abc import Callable, Iterator
from typing import Any

import terminals.state
import terminals.terminal
import terminals.transactions
from terminals.commands import main
from terminals.journal_file import JournalFile
from terminals.readers.nfcpy import Frontend
from terminals.transactions import Patience


class Points:
    """Counts what is passed, and kills this process at one of them."""

    def __init__(self, deadly: int) -> None:
        self._deadly = deadly
        self.passed = 0

    def __call__(self) -> None:
        self.passed += 1
        if self.passed == self._deadly:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, owner: Any, name: str) -> None:
        """Pass a point before and after a function."""
        usual: Callable[..., Any] = getattr(owner, name)

        def passing(*arguments: Any, **named: Any) -> Any:
            self()
            value = usual(*arguments, **named)
            self()
            return value

        setattr(owner, name, passing)


def arm(points: Points) -> None:
    """Put points into the agent, where a power cut could fall."""
    usual = JournalFile._atomic

    @contextlib.contextmanager
    def atomic(journal: JournalFile) -> Iterator[sqlite3.Connection]:
        points()
        with usual(journal) as database:
            yield database
            points()
        points()

    JournalFile._atomic = atomic  # type: ignore[method-assign, assignment]
    points.around(http.client.HTTPConnection, "request")
    points.around(http.client.HTTPConnection, "getresponse")
    points.around(Frontend, "exchange")
    points.around(terminals.state, "write_durably")


def run(order: dict[str, Any]) -> int:
    """Run one command in a child; its exit code returns, negative for a signal."""
    child = os.fork()
    if child == 0:
        for number, name in ((1, "out"), (2, "err")):
            os.dup2(os.open(order[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
        if order["point"]:
            arm(Points(order["point"]))
        code = 70
        try:
            code = main(order["words"])
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def pause_shortly() -> None:
    """Try as often as ever, with pauses that no test has to sit out."""
    shortly = functools.partial(Patience, pause_s=0.001, pause_s_max=0.01)
    terminals.transactions.Patience = shortly  # type: ignore[misc, assignment]


if __name__ == "__main__":
    pause_shortly()
    for line in sys.stdin:
        print(run(json.loads(line)), flush=True)
