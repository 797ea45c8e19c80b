"""Runs several programs as one: starts them, shows their output, and leaves none of them behind.

Knows the operating system's side of it; must not know what the programs do.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import FrameType

from prepaid.runner.children import die_with_parent
from prepaid.runner.environment import BASE_FOLDER

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
STOP_TIMEOUT_S = 15.0
KILL_TIMEOUT_S = 5.0
WATCH_INTERVAL_S = 0.1
COLOURS = {"web": 36, "worker": 35, "clock": 34, "cards": 33, "terminal": 32}
PLAIN_COLOUR = 37


class StopRequested(BaseException):
    """Someone asked this to stop, by a signal. Not an Exception: no `except Exception` may swallow it."""


class ChildEnded(Exception):
    """A program ended by itself, which none of them should."""

    def __init__(self, name: str, code: int) -> None:
        super().__init__(f"{name} ended by itself with code {code}.")
        self.name = name
        self.code = code


@dataclass(frozen=True)
class Program:
    """What to run. An optional one may end without the others being stopped."""

    name: str
    command: list[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    optional: bool = False


class Supervisor:
    """The programs that were started, in the order of their start."""

    def __init__(
        self, *, keep_open: tuple[int, ...] = (), write: Callable[[str], None] | None = None
    ) -> None:
        self.keep_open = keep_open
        self.write = write or write_to_terminal
        self.running: list[tuple[Program, subprocess.Popen[str]]] = []
        self.printers: list[threading.Thread] = []
        self.hurry = False

    def start(self, program: Program) -> subprocess.Popen[str]:
        """Start a program in a session of its own, to be told by the kernel if this one is killed."""
        child = subprocess.Popen(
            program.command,
            cwd=BASE_FOLDER,
            env=os.environ | {"PYTHONUNBUFFERED": "1"} | dict(program.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            bufsize=1,
            start_new_session=True,
            pass_fds=self.keep_open,
            preexec_fn=die_with_parent(signal.SIGTERM),
        )
        self.running.append((program, child))
        printer = threading.Thread(target=self.print_output, args=(program.name, child), daemon=True)
        printer.start()
        self.printers.append(printer)
        return child

    def print_output(self, name: str, child: subprocess.Popen[str]) -> None:
        assert child.stdout is not None
        for line in child.stdout:
            # A closed terminal must not stop the reading: a full pipe would stop the program.
            with contextlib.suppress(OSError, ValueError):
                self.write(prefix_line(name, line.rstrip("\n")))

    def watch(self) -> None:
        """Stay until a program ends by itself. Raises ChildEnded, or StopRequested from a signal."""
        while True:
            self.check()
            time.sleep(WATCH_INTERVAL_S)

    def check(self) -> None:
        """Raise ChildEnded when one that should be running is not; forget an optional one that ended."""
        for program, child in list(self.running):
            code = child.poll()
            if code is None:
                continue
            if not program.optional:
                raise ChildEnded(program.name, code)
            self.end_group(child)
            self.running.remove((program, child))

    def stop(self) -> None:
        """Ask every program to stop, wait, then kill what is left, down to the last of its own children."""
        with on_signals(self.be_hurried):
            for _, child in reversed(self.running):
                if child.poll() is None:
                    child.terminate()
            deadline = time.monotonic() + STOP_TIMEOUT_S
            while any(child.poll() is None for _, child in self.running):
                if self.hurry or time.monotonic() > deadline:
                    break
                time.sleep(0.02)
            for _, child in self.running:
                self.end_group(child)
            for printer in self.printers:
                printer.join(timeout=1)
            self.running.clear()

    def be_hurried(self) -> None:
        self.hurry = True

    def end_group(self, child: subprocess.Popen[str]) -> None:
        """Kill whatever is left in the program's session, which a program that ended cleanly has emptied."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(KILL_TIMEOUT_S)


@contextlib.contextmanager
def on_signals(action: Callable[[], None]) -> Iterator[None]:
    """Do this when asked to stop, and what was done before again afterwards."""

    def act(number: int, frame: FrameType | None) -> None:
        action()

    before = {number: signal.signal(number, act) for number in STOP_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def signals_kept_back() -> Iterator[None]:
    """Answer a stop signal only after this: what its handler raised while a program forks would be lost.

    Not by blocking them, which a started program would inherit.
    """
    kept: list[int] = []
    before = {number: signal.signal(number, lambda got, _: kept.append(got)) for number in STOP_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if kept:
        signal.raise_signal(signal.Signals(kept[0]))


def request_stop() -> None:
    raise StopRequested


def write_to_terminal(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def prefix_line(name: str, line: str) -> str:
    label = f"{name:<8} |"
    if sys.stdout.isatty() and "NO_COLOR" not in os.environ:
        label = f"\033[{COLOURS.get(name, PLAIN_COLOUR)}m{label}\033[0m"
    return f"{label} {line}"
