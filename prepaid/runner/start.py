"""The order in which `./run` brings everything up, and what it says to the person who started it."""

import contextlib
import fcntl
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.db import connections

from prepaid.keys import KeysUnreadable, site_keys
from prepaid.runner import database, terminal
from prepaid.runner.binaries import DatabaseError
from prepaid.runner.children import die_with_parent
from prepaid.runner.environment import BASE_FOLDER, data_folder, unusable
from prepaid.runner.programs import StartError, clock_program, wait_for_web, web_program, worker_program
from prepaid.runner.supervisor import ChildEnded, StopRequested, Supervisor, on_signals, request_stop
from prepaid.runner.translations import compile_translations

STOP_WAIT_S = 20.0


@dataclass(frozen=True)
class Choices:
    host: str
    port: int
    demo: bool
    terminal: bool

    @property
    def local_host(self) -> str:
        """Where this machine itself reaches the site."""
        return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)

    @property
    def address(self) -> str:
        host = f"[{self.local_host}]" if ":" in self.local_host else self.local_host
        return f"http://{host}:{self.port}"


def run_site(choices: Choices) -> int:
    """Run until stopped. Returns the exit code: 0 when asked to stop, 1 when something failed."""
    supervisor = Supervisor()
    code = 0
    # This runs as the tables' owner, to migrate; nothing that it starts does.
    os.environ.pop("PREPAID_DATABASE_ROLE", None)
    with on_signals(request_stop):
        try:
            claim_data_folder()
            refuse_taken_port(choices)
            started_at = time.monotonic()
            prepare(choices, supervisor)
            serve(choices, supervisor)
            say_what_next(choices, time.monotonic() - started_at)
            supervisor.watch()
        except StopRequested:
            say("Stopping.")
        except (ChildEnded, StartError, DatabaseError) as error:
            say(f"{error} Stopping the rest." if isinstance(error, ChildEnded) else str(error))
            code = 1
        finally:
            supervisor.stop()
            let_go_of_database()
            forget_closed_terminal()
    return code


def claim_data_folder() -> None:
    """Refuse a second site on the same data. The lock goes with this, however it ends."""
    try:
        data_folder().mkdir(parents=True, exist_ok=True)
        descriptor = os.open(data_folder() / "up.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise DatabaseError(unusable(data_folder(), error)) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise StartError(
            f"The site already runs with the data in {data_folder()}: use that one, or choose another --data."
        ) from None


def refuse_taken_port(choices: Choices) -> None:
    family = socket.AF_INET6 if ":" in choices.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((choices.host, choices.port))
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise StartError(
                f"Port {choices.port} on {choices.host} cannot be used ({reason}): choose a --port."
            ) from error


def prepare(choices: Choices, supervisor: Supervisor) -> None:
    """Bring up the database with its tables, translations and demonstration data."""
    if not os.environ.get("DATABASE_URL"):
        say("Starting PostgreSQL.")
        supervisor.keep_open = (database.start(database.embedded_cluster()),)
    say("Bringing the tables up to date.")
    call_command("migrate", verbosity=0, interactive=False)
    make_keys()
    connections.close_all()
    compile_translations(Path(settings.LOCALE_PATHS[0]))
    if choices.demo:
        say("Looking after the demonstration data.")
        run_command("demo")


def make_keys() -> None:
    """Make the site's keys at its first start. Refused where a database with cards has lost them."""
    try:
        site_keys()
    except KeysUnreadable as error:
        raise StartError(str(error)) from error


def run_command(*words: str) -> str:
    """Run a management command as the application's role; return what it printed."""
    return run_program(sys.executable, str(BASE_FOLDER / "manage.py"), *words)


def run_program(*words: str) -> str:
    """Run a step to its end; return what it printed. Raises StartError with what it complained of."""
    done = subprocess.run(
        words,
        cwd=BASE_FOLDER,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        preexec_fn=die_with_parent(signal.SIGTERM),
    )
    if done.returncode:
        raise StartError(f"`{' '.join(words[1:3])}` failed:\n{done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def serve(choices: Choices, supervisor: Supervisor) -> None:
    say("Starting the site.")
    supervisor.start(web_program(choices.host, choices.port))
    supervisor.start(worker_program())
    supervisor.start(clock_program())
    if not choices.terminal:
        wait_for_web(choices.local_host, choices.port, supervisor.check)
        return
    running = terminal.plan(choices.address)
    supervisor.start(terminal.cards_program(running, data_folder() / "cards.json"))
    wait_for_web(choices.local_host, choices.port, supervisor.check)
    terminal.enrol(running, run_program, fetch_enrolment_code)
    supervisor.start(terminal.agent_program(running))


def fetch_enrolment_code() -> str:
    return str(json.loads(run_command("enrolment_code", "--json"))["code"])


def let_go_of_database() -> None:
    """Stop using the embedded database and wait for its server's end, unless another still uses it."""
    if os.environ.get("DATABASE_URL"):
        return
    connections.close_all()
    with contextlib.suppress(DatabaseError):
        database.leave(database.embedded_cluster(), STOP_WAIT_S)


def forget_closed_terminal() -> None:
    """Turn output that nobody can read any more away, or its last flush would change the exit code."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def say(sentence: str) -> None:
    with contextlib.suppress(OSError, ValueError):
        print(sentence, flush=True)


def say_what_next(choices: Choices, took_s: float) -> None:
    with_data = "" if is_default_data_folder() else f" --data {shlex.quote(str(data_folder()))}"
    say(f"\nThe site is ready after {took_s:.1f} seconds: open {choices.address} in a browser.")
    if choices.demo:
        say("Log in as cashier / cashier, manager / manager or admin / admin.")
    if choices.terminal:
        run = f"./run{with_data}"
        say(f"Hold a simulated card to the terminal: {run} tap 1, and take it off: {run} tap away")
        say(f"See the terminal's own screen in another window: {run} terminal")
    say("Ctrl-C stops everything; the data stays.\n")


def is_default_data_folder() -> bool:
    return data_folder() == BASE_FOLDER / ".data"
