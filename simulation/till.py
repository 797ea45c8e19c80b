"""One terminal in one part of a day: the real agent, its line, and the people who come to it.

Runs as a program of its own, so that a kill is a kill. Knows where things stand; must not know Django.
"""

from __future__ import annotations

import os
import signal
from collections.abc import MutableSequence, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from uuid import UUID

from prepaid.runner.children import follow_parent
from simulation.cards import Facts
from simulation.line import Line
from simulation.plan import Shift
from simulation.scenes import AFTER_KILL, SCENES
from simulation.steps import Barrier, Till
from terminals.connection import Timeouts
from terminals.lock import AgentLock
from terminals.state import StateFolder
from terminals.terminal import Terminal
from terminals.transactions import Patience

PATIENCE = Patience(attempts=3, pause_s=0.01, pause_s_max=0.1, total_s=60.0)
# The machine may be busy: an answer that is late there is no fault that was meant.
TIMEOUTS = Timeouts(connect_s=20.0, answer_s=60.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """Where a terminal stands: its state folder and the ports of its line and of the site."""

    name: str
    folder: Path
    port: int
    site_port: int


@dataclass(frozen=True, slots=True)
class Start:
    """Where in its shift a terminal begins; after a kill it goes on, and whoever was there comes back.

    `failed_journal` is that of the terminal that it took over from, where it still has to be sent.
    """

    first: int = 0
    is_restart: bool = False
    failed_journal: Path | None = None


def settle_signals() -> None:
    """Have a forked program end with the one that started it, which alone answers Ctrl-C."""
    follow_parent(signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def work(
    post: Post,
    shift: Shift,
    facts: Sequence[Facts],
    counters: MutableSequence[int],
    barriers: Sequence[Barrier],
    known: dict[int, UUID],
    start: Start,
    pipe: Pipe,
) -> None:
    """Serve the visits of a shift, and tell of each through the pipe; `known` are earlier transactions."""
    settle_signals()
    line = Line(post.port, post.site_port)
    if shift.is_online:
        line.go_up()
    folder = StateFolder(post.folder)
    with (
        AgentLock(folder, "headless"),
        Terminal(folder, operator=post.name, patience=PATIENCE, timeouts=TIMEOUTS) as terminal,
    ):
        till = Till(terminal, line, facts, counters, barriers, known)
        if not start.is_restart:
            pipe.send(till.open(start.failed_journal))
        for place, visit in enumerate(shift.visits[start.first :]):
            is_again = start.is_restart and place == 0
            pipe.send(till.serve(visit, AFTER_KILL if is_again else SCENES[visit.scene]))
        if shift.dies:
            os.kill(os.getpid(), signal.SIGKILL)
        pipe.send(till.close(closes_batch=shift.closes_batch))
    pipe.close()
    # Threads of the line may still wait for bytes, and nothing else is left to do.
    os._exit(0)
