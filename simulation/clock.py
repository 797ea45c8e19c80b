"""Compressed time: the clock of this program moved by what a file says, and running on from there.

Knows the machine's clock and one file; the site and the agents need not know that theirs was moved.
Only what starts with `simulation` moves a clock: no setting of the site does (ADR 0085).
"""

from __future__ import annotations

import os
import time
from datetime import datetime
from pathlib import Path

import time_machine

VARIABLE = "SIMULATION_CLOCK"


class Clock:
    """The clock of a simulation: whoever has its file has its time, to the moment."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._seen: int | None = None
        self._travel: time_machine.Traveller | None = None

    def move_to(self, moment: datetime) -> None:
        """Let it be this moment now, here and for everybody who follows the same file."""
        draft = self.file.with_name(f".{self.file.name}.{os.getpid()}")
        draft.write_text(repr(moment.timestamp() - _real_time()))
        os.replace(draft, self.file)
        self.follow()

    def follow(self) -> None:
        """Move this program's clock to where the file says, if that has changed."""
        seen = self.file.stat().st_mtime_ns
        if seen == self._seen:
            return
        moved = _real_time() + float(self.file.read_text())
        if self._travel is None:
            self._trip = time_machine.travel(moved, tick=True)
            self._travel = self._trip.start()
        else:
            self._travel.move_to(moved)
        self._seen = seen

    def stop(self) -> None:
        """Give this program the machine's time back."""
        if self._travel is not None:
            self._trip.stop()
            self._travel = self._seen = None


def _real_time() -> float:
    """Give the machine's own time, in seconds since 1970."""
    escape = time_machine.escape_hatch
    return escape.time.time() if escape.is_travelling() else time.time()
