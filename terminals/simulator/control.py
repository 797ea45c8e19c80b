"""The control line of the simulator: a Unix socket or a loopback port, a line asked and a line answered.

Knows addresses and lines; must not know what the words do.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
import stat
from pathlib import Path

from terminals.errors import TerminalError

ANSWER_BYTES_MAX = 256 * 1024
ANSWER_TIMEOUT_S = 15.0
LOOPBACK = "127.0.0.1"


class SimulatorError(TerminalError):
    """The simulator cannot be started or reached."""


def parse_listen(text: str) -> tuple[str, int]:
    """Read `127.0.0.1:54321`; only this machine's own addresses are taken. Raises SimulatorError."""
    host, _, port = text.rpartition(":")
    host = LOOPBACK if host in {"", "localhost"} else host
    try:
        if not ipaddress.IPv4Address(host).is_loopback or not 0 <= int(port) <= 65_535:
            raise ValueError
    except ValueError:
        raise SimulatorError("SW-STATE-01", f"{text!r} is no address such as 127.0.0.1:54321") from None
    return host, int(port)


def listen(place: str) -> socket.socket:
    """Open the control line at a path, a port or 127.0.0.1:PORT. Raises SimulatorError."""
    try:
        if is_path(place):
            return _listen_at_path(Path(place).expanduser())
        line = socket.create_server(_port(place), backlog=8)
    except OSError as error:
        raise SimulatorError("SW-STATE-01", f"cannot listen at {place}: {error.strerror}") from error
    return line


def remove(place: str) -> None:
    """Remove the socket file of a control line that was closed."""
    if is_path(place):
        with contextlib.suppress(OSError):
            Path(place).expanduser().unlink()


def ask(place: str, words: str) -> tuple[bool, str]:
    """Say one line to the simulator: whether it obeyed, and its answer. Raises SimulatorError."""
    try:
        with _connect(place) as line:
            line.settimeout(ANSWER_TIMEOUT_S)
            line.sendall(f"{words}\n".encode())
            with line.makefile("r", encoding="utf-8") as answers:
                return _read(answers.readline)
    except OSError as error:
        raise SimulatorError("SW-STATE-01", f"no simulator answers at {place}: {error}") from error


def is_path(place: str) -> bool:
    """Tell a socket's path from a port."""
    return not place.rpartition(":")[2].isdigit()


def _read(next_line: object) -> tuple[bool, str]:
    assert callable(next_line)
    lines: list[str] = []
    size = 0
    while size < ANSWER_BYTES_MAX:
        line = next_line()
        size += len(line)
        word, _, rest = line.rstrip("\n").partition(" ")
        if word in {"ok", "error"}:
            return word == "ok", "\n".join([*lines, *([rest] if rest else [])])
        if not line:
            break
        lines.append(line.rstrip("\n"))
    raise OSError("the answer was cut")


def _listen_at_path(path: Path) -> socket.socket:
    # A socket file that a killed simulator left behind is in the way; a live one answers and stays.
    if path.exists() and stat.S_ISSOCK(path.stat().st_mode):
        with socket.socket(socket.AF_UNIX) as probe:
            if probe.connect_ex(str(path)) == 0:
                raise SimulatorError("SW-LOCK-01", f"another simulator listens at {path}")
        path.unlink()
    line = socket.socket(socket.AF_UNIX)
    before = os.umask(0o177)
    try:
        line.bind(str(path))
    except OSError:
        line.close()
        raise
    finally:
        os.umask(before)
    line.listen(8)
    return line


def _connect(place: str) -> socket.socket:
    if not is_path(place):
        return socket.create_connection(_port(place), timeout=ANSWER_TIMEOUT_S)
    line = socket.socket(socket.AF_UNIX)
    try:
        line.connect(str(Path(place).expanduser()))
    except OSError:
        line.close()
        raise
    return line


def _port(place: str) -> tuple[str, int]:
    return parse_listen(place if ":" in place else f"{LOOPBACK}:{place}")
