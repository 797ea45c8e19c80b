"""The simulated terminal beside the site: its cards, its agent, and the commands that a person gives them.

Runs the agent as anyone would, by its command line; must not import it.
"""

import hashlib
import json
import os
import socket
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NoReturn

from prepaid.runner.cluster import SOCKET_PATH_LENGTH_MAX
from prepaid.runner.environment import BASE_FOLDER, data_folder
from prepaid.runner.programs import StartError
from prepaid.runner.supervisor import Program

AGENT = [sys.executable, "-m", "terminals"]
TERMINAL_NAME = "terminal-1"


@dataclass(frozen=True)
class Running:
    """What runs beside this data folder, for the commands that talk to it."""

    site: str
    reader: str
    control: str
    state: str


def running_file() -> Path:
    return data_folder() / "running.json"


def plan(site: str) -> Running:
    """Choose the simulated reader's port, the last one again if it is free, and write down what will run."""
    folder = data_folder()
    running = Running(
        site=site,
        reader=f"udp:127.0.0.1:{choose_port(read_last_port())}",
        control=str(control_socket(folder)),
        state=str(folder / TERMINAL_NAME),
    )
    fresh = running_file().with_suffix(".new")
    fresh.write_text(json.dumps(asdict(running), indent=1) + "\n")
    fresh.replace(running_file())
    return running


def control_socket(folder: Path) -> Path:
    path = folder / "cards.sock"
    if len(os.fsencode(path)) <= SOCKET_PATH_LENGTH_MAX:
        return path
    mark = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"prepaid-cards-{mark}.sock"


def read_running() -> Running | None:
    try:
        return Running(**json.loads(running_file().read_text()))
    except (OSError, ValueError, TypeError):
        return None


def read_last_port() -> int:
    last = read_running()
    return int(last.reader.rpartition(":")[2]) if last else 0


def choose_port(wanted: int) -> int:
    """Return the wanted UDP port if it is free, else a free one."""
    for port in (wanted, 0):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise StartError("No UDP port is free for the simulated reader.")


def cards_program(running: Running, cards: Path) -> Program:
    listen = running.reader.removeprefix("udp:")
    return Program(
        "cards",
        [*AGENT, "simulate", "--cards", str(cards), "--listen", listen, "--control", running.control],
    )


def agent_program(running: Running) -> Program:
    # It gives way to the screen or a command of the same terminal, and comes back after it.
    command = [*AGENT, "run", "--headless", "--stay", "--state", running.state, "--reader", running.reader]
    return Program("terminal", command)


def enrol(running: Running, run: Callable[..., str], fetch_code: Callable[[], str]) -> None:
    """Make the state folder a terminal of the first store, once; later, let it follow the site's address."""
    enrolment = Path(running.state) / "terminal.json"
    if not enrolment.exists():
        run(
            *[*AGENT, "enrol", "--state", running.state, "--site", running.site],
            *["--code", fetch_code(), "--reader", running.reader],
        )
        return
    kept = json.loads(enrolment.read_text())
    if (kept.get("site"), kept.get("reader")) == (running.site, running.reader):
        return
    fresh = enrolment.with_suffix(".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(kept | {"site": running.site, "reader": running.reader}, file)
    fresh.replace(enrolment)


def main(arguments: list[str]) -> NoReturn:
    """Become the agent's screen (`screen`), or tell the simulated reader which card lies on it (`tap`)."""
    running = read_running()
    if running is None:
        sys.exit("The site is not running with this data: start it with ./run in another window.")
    what, *words = arguments
    if what == "screen":
        command = [*AGENT, "run", "--state", running.state, "--reader", running.reader, *words]
    else:
        command = [*AGENT, "tap", *words, "--control", running.control]
    os.chdir(BASE_FOLDER)
    os.execv(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1:])
