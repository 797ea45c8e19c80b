"""The site's own programs as `./run` starts them: web server, worker and clock.

docs/operations.md shows the same commands as units; must not know how they are watched.
"""

import http.client
import sys
import time
from collections.abc import Callable

from prepaid.runner.environment import data_folder, text
from prepaid.runner.supervisor import Program

CELERY = [sys.executable, "-m", "celery", "--quiet", "-A", "prepaid.celery"]
WEB_READY_TIMEOUT_S = 60.0
# Celery's word about root is for servers; whoever tries the site as root has heard it.
ROOT_WARNING = "ignore:You're running the worker with superuser privileges"


class StartError(Exception):
    """The site could not be started; the text says what to do."""


def web_program(host: str, port: int) -> Program:
    return Program(
        "web",
        [
            *[sys.executable, "-m", "granian", "--interface", "wsgi", "--host", host, "--port", str(port)],
            *["--workers", text("WEB_WORKERS", "2"), "--blocking-threads", text("WEB_THREADS", "32")],
            *["--respawn-failed-workers", "--workers-kill-timeout", "5", "--no-ws", "--http", "1"],
            *["--log-level", "error", "prepaid.wsgi:application"],
        ],
    )


def worker_program() -> Program:
    return Program(
        "worker",
        [
            *[*CELERY, "worker", "--loglevel", "WARNING", "--concurrency", text("WORKER_CHILDREN", "2")],
            *["--without-gossip", "--without-mingle"],
        ],
        # A job may take as long as its time limit allows, so its statements may too.
        {
            "DATABASE_STATEMENT_TIMEOUT_MS": "110000",
            "DATABASE_POOL": "0",
            "PYTHONWARNINGS": ROOT_WARNING,
        },
    )


def clock_program() -> Program:
    return Program(
        "clock",
        [
            *[*CELERY, "beat", "--loglevel", "WARNING"],
            *["--schedule", str(data_folder() / "beat-schedule"), "--pidfile="],
        ],
        {"DATABASE_POOL": "0"},
    )


def wait_for_web(host: str, port: int, check: Callable[[], None]) -> None:
    """Wait until the site answers. Raises StartError when it does not, and whatever `check` raises."""
    deadline = time.monotonic() + WEB_READY_TIMEOUT_S
    while time.monotonic() < deadline:
        check()
        try:
            connection = http.client.HTTPConnection(host, port, timeout=10)
            connection.request("GET", "/")
            connection.getresponse()
        except OSError:
            time.sleep(0.05)
        else:
            return
        finally:
            connection.close()
    raise StartError(f"The site did not answer on port {port} within {WEB_READY_TIMEOUT_S:.0f} seconds.")
