"""Only one agent drives a terminal: a lock on the state folder, and how a headless agent gives way.

Knows two files, the lock and the request to give way; must not know what the agents do.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import msgspec

from terminals.errors import StateError
from terminals.state import StateFolder

Kind = Literal["interactive", "headless"]
POLL_S = 0.1
GIVE_WAY_S = 10.0
# A one-shot command may be about to end: its lock is waited for this long before it counts as taken.
ENDING_S = 0.5
REQUEST_FRESH_S = 2.0


class Holder(msgspec.Struct, frozen=True):
    """Who holds the lock, as written into its file."""

    pid: int
    kind: Kind


class AgentLock:
    """The lock of a state folder, released by close, by the end of the process or by its death.

    A headless agent gives way when an interactive one asks; nobody else does.
    """

    def __init__(self, folder: StateFolder, kind: Kind) -> None:
        self._folder = folder
        self._kind: Kind = kind
        self._descriptor: int | None = None

    def acquire(self, *, wait_s: float = GIVE_WAY_S) -> None:
        """Take the lock, asking a headless holder to give way; StateError("SW-LOCK-01") when refused."""
        started = time.monotonic()
        while not self._try():
            waited_s = time.monotonic() - started
            holder = read_holder(self._folder)
            if holder is not None and holder.kind == "interactive" and waited_s >= ENDING_S:
                raise StateError("SW-LOCK-01", f"agent {holder.pid} drives {self._folder.path}")
            if waited_s >= wait_s:
                raise StateError("SW-LOCK-01", f"the agent that drives {self._folder.path} does not give way")
            self._folder.request_file.touch(mode=0o600)
            time.sleep(POLL_S)
        self._folder.request_file.unlink(missing_ok=True)

    def acquire_when_free(self, stop: threading.Event) -> bool:
        """Take the lock as soon as nobody holds it or asks for it; False when told to stop first."""
        while not stop.is_set():
            if not _is_fresh(self._folder.request_file) and self._try():
                return True
            stop.wait(POLL_S)
        return False

    def is_asked_to_give_way(self) -> bool:
        """Tell whether an interactive agent waits for this lock now."""
        return _is_fresh(self._folder.request_file)

    def release(self) -> None:
        """Give the lock back; harmless when it is not held."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _try(self) -> bool:
        self._folder.make()
        descriptor = os.open(self._folder.lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return False
        os.ftruncate(descriptor, 0)
        os.write(descriptor, msgspec.json.encode(Holder(os.getpid(), self._kind)))
        self._descriptor = descriptor
        return True

    def __enter__(self) -> Self:
        """Take the lock, or raise as acquire does."""
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the lock back."""
        self.release()


def read_holder(folder: StateFolder) -> Holder | None:
    """Read who took the lock last; whether it is still held is_driven tells."""
    try:
        return msgspec.json.decode(folder.lock_file.read_bytes(), type=Holder)
    except (OSError, msgspec.MsgspecError):
        return None


def is_driven(folder: StateFolder) -> bool:
    """Tell whether an agent holds the lock now."""
    try:
        descriptor = os.open(folder.lock_file, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)


def _is_fresh(path: Path) -> bool:
    try:
        return abs(time.time() - path.stat().st_mtime) < REQUEST_FRESH_S
    except OSError:
        return False
