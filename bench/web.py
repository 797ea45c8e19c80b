"""HTTP: the site's web server as `./run` starts it, and clients that pay at it.

Knows how to start and stop a server and to count what it answers; must not know what an answer says.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping

from bench.taps import Tapping, requests_of
from prepaid.runner.children import die_with_parent
from prepaid.runner.environment import BASE_FOLDER
from prepaid.runner.programs import wait_for_web, web_program
from prepaid.runner.supervisor import signals_kept_back

CLIENT_PROCESSES = 2
REQUESTS_EACH_PER_S = 250
STOP_TIMEOUT_S = 20.0
HOST = "127.0.0.1"


@contextlib.contextmanager
def web_server(
    command: list[str] | None = None, environment: Mapping[str, str] | None = None
) -> Iterator[int]:
    """Run the site's web server, or another command in which PORT stands for the port; give its port."""
    port = free_port()
    words = command or web_program(HOST, port).command
    with signals_kept_back():
        child = subprocess.Popen(
            [word.replace("PORT", str(port)) if command else word for word in words],
            cwd=BASE_FOLDER,
            env=os.environ | {"LOG_LEVEL": "WARNING"} | dict(environment or {}),
            start_new_session=True,
            preexec_fn=die_with_parent(signal.SIGTERM),
        )

    def check() -> None:
        if child.poll() is not None:
            raise SystemExit(f"The web server ended by itself with code {child.returncode}.")

    try:
        wait_for_web(HOST, port, check)
        yield port
    finally:
        child.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(STOP_TIMEOUT_S)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    return port


def warm_up(port: int, tappings: list[Tapping]) -> None:
    """Let every worker open its connections and prepare its statements."""
    shop(port, 2.0, [list(requests_of(tapping, 2 * REQUESTS_EACH_PER_S)) for tapping in tappings])


def redeems(port: int, tappings: list[Tapping]) -> Callable[[float], float]:
    """Give what measures signed redeems: each terminal a client with a connection of its own."""

    def measure(seconds: float) -> float:
        count = round(seconds * REQUESTS_EACH_PER_S)
        batches = [list(requests_of(tapping, count)) for tapping in tappings]
        took, counts = shop(port, seconds, batches)
        # 200 is a repeat, after a connection that the server closed.
        if not set(counts) <= {"201", "200"}:
            raise SystemExit(f"The site answered {counts}.")
        return counts["201"] / took

    return measure


def shop(port: int, seconds: float, batches: list[list[bytes]]) -> tuple[float, dict[str, int]]:
    """Send each batch on a connection of its own; give the seconds that it took and answers by status."""
    clients = []
    for number in range(CLIENT_PROCESSES):
        client = subprocess.Popen(
            [sys.executable, "-m", "bench.shoppers"],
            cwd=BASE_FOLDER,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            preexec_fn=die_with_parent(signal.SIGTERM),
        )
        assert client.stdin is not None
        client.stdin.write(pickle.dumps((HOST, port, seconds, batches[number::CLIENT_PROCESSES])))
        client.stdin.close()
        clients.append(client)
    took, total = 0.0, dict[str, int]()
    for client in clients:
        assert client.stdout is not None
        answer = client.stdout.read()
        if client.wait():
            raise SystemExit("The clients failed.")
        seconds_taken, counts = pickle.loads(answer)
        took = max(took, seconds_taken)
        for status, count in counts.items():
            total[status] = total.get(status, 0) + count
    return took, total
