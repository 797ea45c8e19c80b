"""A whole site as a newcomer runs it: `./run` with its own data and port, and commands beside it."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from prepaid.runner.binaries import database_account
from prepaid.runner.cluster import Cluster, connect_as_superuser

ROOT = Path(__file__).resolve().parents[2]
READY = "The site is ready"
START_TIMEOUT_S = 180
STOP_TIMEOUT_S = 60
COMMAND_TIMEOUT_S = 120
# What the tests' own settings put into the environment must not reach a site of its own.
_FOREIGN = ("DJANGO_SETTINGS_MODULE", "PREPAID_", "DATABASE_", "SECRET_KEY", "CELERY_", "DEBUG")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def own_environment(**more: str) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)} | more


def wait_for_database(sockets: Path) -> psycopg.Connection[tuple[Any, ...]]:
    """Connect as soon as PostgreSQL lets in, which it does not while it recovers from a kill."""
    give_up = time.monotonic() + COMMAND_TIMEOUT_S
    while True:
        try:
            return connect_as_superuser(sockets, "prepaid")
        except psycopg.OperationalError:
            if time.monotonic() > give_up:
                raise
            time.sleep(0.05)


class RunningSite:
    """One `./run` and everything that it starts."""

    def __init__(self, folder: Path) -> None:
        self.data = folder
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.said: deque[str] = deque(maxlen=400)
        self._ready = threading.Event()
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        self._ready.clear()
        self.process = subprocess.Popen(
            [str(ROOT / "run"), "--data", str(self.data), "--port", str(self.port)],
            cwd=self.data.parent,
            env=own_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        threading.Thread(target=self._listen, daemon=True).start()
        assert self._ready.wait(START_TIMEOUT_S), self.log()
        assert any(READY in line for line in self.said), self.log()

    def _listen(self) -> None:
        assert self.process is not None
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line.rstrip())
            if READY in line:
                self._ready.set()
        self._ready.set()

    def stop(self) -> int:
        """Ask it to stop, as Ctrl-C does, and give its exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.process.wait(STOP_TIMEOUT_S)

    def log(self) -> str:
        return "\n".join(self.said)

    def manage(self, *words: str, expect: int = 0) -> str:
        """Run a management command against this site's data, as `./run --data ... manage ...`."""
        return self._run([str(ROOT / "run"), "--data", str(self.data), "manage", *words], expect)

    def agent(self, *words: str, expect: int = 0, state: Path | None = None) -> str:
        """Run a command of the agent with this site's terminal, or with the state folder given."""
        folder = state or self.data / "terminal-1"
        command, *rest = words
        return self._run([sys.executable, "-m", "terminals", command, "--state", str(folder), *rest], expect)

    def tap(self, *words: str) -> str:
        """Lay a simulated card on the terminal's reader, or take it away."""
        return self._run([str(ROOT / "run"), "--data", str(self.data), "tap", *words], 0)

    def issue_card(self, amount_minor: int) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.manage("issue_card", "--amount", str(amount_minor), "--json"))
        return told

    def enrol(self, folder: Path, *, site: str | None = None) -> Path:
        """Enrol another terminal of the first store with a state folder of its own."""
        code = json.loads(self.manage("enrolment_code", "--json"))["code"]
        self.agent("enrol", "--site", site or self.address, "--code", code, state=folder)
        return folder

    @contextmanager
    def database(self) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
        """Connect to this site's database, once it is up, as one to whom nothing is refused."""
        sockets = Cluster(self.data / "postgres").socket_folder(database_account())
        with wait_for_database(sockets) as opened:
            yield opened

    def scalar(self, query: str, *values: Any) -> Any:
        with self.database() as opened:
            row = opened.execute(query, values).fetchone()
        return None if row is None else row[0]

    def processes(self, pattern: str) -> list[int]:
        """List the processes whose command line matches."""
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if re.search(pattern, line) and int(entry.name) != os.getpid():
                found.append(int(entry.name))
        return sorted(found)

    def web_workers(self) -> list[int]:
        """List the web server's worker processes: the children of the one that listens on this port."""
        masters = set(self.processes(rf"granian .*--port {self.port} "))
        return [pid for pid in masters if parent_of(pid) in masters]

    def database_server(self) -> int:
        """Give the pid of this site's PostgreSQL, as it wrote it down."""
        account = database_account()
        file = Cluster(self.data / "postgres").tables_folder(account) / "postmaster.pid"
        return int(file.read_text().split()[0])

    def _run(self, command: list[str], expect: int) -> str:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=own_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_TIMEOUT_S,
        )
        assert done.returncode == expect, (
            f"{command}\n{done.returncode}\n{done.stdout}\n{done.stderr}\n{self.log()}"
        )
        return done.stdout


def parent_of(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, IndexError, ValueError):
        return 0
