"""A scanner that types into this very program, as one without a driver does: each code ends with Enter.

Knows a descriptor, such as that of standard input; must not know what a code stands for.
"""

from __future__ import annotations

import os
import select
import threading

from terminals.scanners.codes import Splitter

POLL_S = 0.25
BYTES_A_READ = 4096


class TypedScanner:
    """What is typed, code by code; the descriptor stays open, for it is another's."""

    def __init__(self, descriptor: int) -> None:
        self.name = "keyboard"
        self._descriptor = descriptor
        self._splitter = Splitter()

    def open(self) -> None:
        """Take nothing: who starts the program has opened it."""

    def close(self) -> None:
        """Leave it open."""

    def wait_for_code(self, *, stop: threading.Event) -> str | None:
        """Block until a code came, or `stop` is set. Raises EOFError when nothing can come any more."""
        while not stop.is_set():
            code = self._splitter.next()
            if code is not None:
                return code
            if not select.select([self._descriptor], [], [], POLL_S)[0]:
                continue
            typed = os.read(self._descriptor, BYTES_A_READ)
            if typed:
                self._splitter.feed(typed)
            elif self._splitter.has_begun:
                self._splitter.end()
            else:
                raise EOFError
        return None
