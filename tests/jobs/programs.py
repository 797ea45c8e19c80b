"""Real workers and a real clock, each in processes of its own, on the database that the test uses."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

from django.db import connection

from prepaid.runner.environment import BASE_FOLDER

WAIT_S = 60.0


def wait_until(condition: Callable[[], bool], what: str, timeout_s: float = WAIT_S) -> None:
    """Wait for something that other processes do; fail after a minute."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come about within {timeout_s:.0f} s"
        time.sleep(0.05)


class Program:
    """A Celery program in a session of its own, on the present database; killed whole at the end."""

    def __init__(self, folder: Path, name: str, *words: str) -> None:
        settings = connection.settings_dict
        host = quote(settings["HOST"], safe="")
        self.name = name
        self.log = folder / f"{name}.log"
        with self.log.open("wb") as log:
            self.parent = subprocess.Popen(
                [sys.executable, "-m", "celery", "--quiet", "-A", "prepaid.celery", *words],
                cwd=BASE_FOLDER,
                env={
                    "PATH": os.environ["PATH"],
                    "DJANGO_SETTINGS_MODULE": "tests.jobs.settings_worker",
                    "DATABASE_URL": f"postgresql://{settings['USER']}@/{settings['NAME']}?host={host}",
                    "DATABASE_LOCK_TIMEOUT_MS": "60000",
                    "PREPAID_DATA": str(folder),
                    "SECRET_KEY": "a key for tests that guards nothing",
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def __enter__(self) -> Program:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        if error is not None:
            print(f"--- {self.name}\n{self.log.read_text(errors='replace')}")

    def kill(self) -> None:
        """Kill -9 the program with all its children, as a power cut would."""
        if self.parent.poll() is None:
            os.killpg(self.parent.pid, signal.SIGKILL)
            self.parent.wait()


def start_worker(folder: Path, name: str) -> Program:
    return Program(
        folder,
        name,
        *["worker", "--loglevel", "INFO", "--concurrency", "1", "--hostname", f"{name}@test"],
        *["--without-gossip", "--without-mingle"],
    )


def start_clock(folder: Path) -> Program:
    return Program(
        folder, "clock", "beat", "--loglevel", "INFO", "--schedule", str(folder / "schedule"), "--pidfile="
    )
