"""Real sites for the runner's tests: started as a newcomer would, found again wherever their parts went."""

import fcntl
import http.client
import os
import socket
import subprocess
import termios
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from prepaid.runner.environment import BASE_FOLDER

READY = "The site is ready"
START_TIMEOUT_S = 120.0
GONE_TIMEOUT_S = 60.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(condition: Callable[[], bool], what: str, timeout_s: float = GONE_TIMEOUT_S) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come about within {timeout_s:.0f} s"
        time.sleep(0.05)


class Site:
    """One `./run`, with a mark in its environment by which all that it starts is found."""

    def __init__(self, data: Path, port: int | None = None, *words: str) -> None:
        self.data = data
        self.port = port or free_port()
        self.mark = f"PREPAID_TEST_MARK={uuid.uuid4()}"
        self.log = data.parent / f"{data.name}-{self.mark[-12:]}.log"
        self.words = words

    def environment(self) -> dict[str, str]:
        name, _, value = self.mark.partition("=")
        return {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "NO_COLOR": "1", name: value}

    def start(self) -> "Site":
        with self.log.open("wb") as log:
            self.parent = subprocess.Popen(
                [BASE_FOLDER / "run", "--data", self.data, "--port", str(self.port), *self.words],
                cwd="/",
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return self

    def start_in_window(self) -> int:
        """Start on a terminal of its own; return the descriptor whose closing closes the window."""
        window, inside = os.openpty()

        def take_terminal() -> None:
            fcntl.ioctl(inside, termios.TIOCSCTTY, 0)

        self.parent = subprocess.Popen(
            [BASE_FOLDER / "run", "--data", self.data, "--port", str(self.port), *self.words],
            cwd="/",
            env=self.environment(),
            stdin=inside,
            stdout=inside,
            stderr=inside,
            start_new_session=True,
            preexec_fn=take_terminal,
        )
        os.close(inside)
        return window

    def wait_until_ready(self) -> "Site":
        def ready_or_over() -> bool:
            return READY in self.output() or self.parent.poll() is not None

        wait_until(ready_or_over, "the site", START_TIMEOUT_S)
        assert self.parent.poll() is None, self.output()
        return self

    def run(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [BASE_FOLDER / "run", "--data", self.data, *words],
            cwd="/",
            env=self.environment() | more,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def get(self, path: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode(errors="replace")
        finally:
            connection.close()

    def list_parts(self) -> dict[int, str]:
        """List everything that carries the mark or names the data folder, by its number, with its command."""
        table = read_table(self.mark, self.data)
        return {number: line for number, (line, is_ours) in table.items() if is_ours}

    def wait_until_gone(self) -> None:
        wait_until(lambda: not self.list_parts(), "an end of all its parts")

    def end(self) -> None:
        """Kill what a failed test left, by its numbers."""
        for number in self.list_parts():
            try:
                os.kill(number, 9)
            except ProcessLookupError:
                continue


def read_table(mark: str, data: Path) -> dict[int, tuple[str, bool]]:
    table = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        try:
            line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            environment = (folder / "environ").read_bytes().decode(errors="replace")
            zombie = ") Z " in (folder / "stat").read_text()
        except OSError:
            continue
        ours = not zombie and (mark in environment.split("\0") or str(data) in line)
        table[int(folder.name)] = (line.strip(), ours)
    return table
