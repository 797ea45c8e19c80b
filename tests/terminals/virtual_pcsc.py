"""A PC/SC reader without hardware: Debian's pcscd with the driver vpcd, and a card behind its socket.

The daemon is this test's own, ended by its number. Its driver takes calls at every address of the machine, so
it runs in a network namespace that has loopback alone, where one can be made. (The driver can call us
instead, but version 3.3 of it aborts when that call ends.)
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import importlib.util
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.terminals.broken_parts import can_make_networks

DRIVER = Path("/usr/lib/pcsc/drivers/serial/libifdvpcd.so")
SOCKET = Path("/run/pcscd/pcscd.comm")
LOCK = Path("/run/prepaid-tests-pcscd.lock")
NAME = "Prepaid Virtual Reader"
INSTALL = (
    "no virtual PC/SC reader: apt-get install pcscd vsmartcard-vpcd libpcsclite-dev gcc python3-dev, "
    "then pip install -r terminals/requirements-pcsc.txt"
)
# Of vpcd's one-byte orders the one that asks for an answer; power and reset change nothing here.
GET_ATR = 4
GET_UID = bytes.fromhex("FFCA000000")
# Of an ISO-DEP card; and the one that a reader makes up for a memory tag (PC/SC part 3, 3.1.3.2.3.2).
ISO_DEP_ATR = bytes.fromhex("3B8180018080")
MEMORY_TAG_ATR = bytes.fromhex("3B8F8001804F0CA0000003060300030000000068")
WAIT_S = 20.0
Answer = Callable[[bytes], bytes]


class Slot:
    """What lies on the reader: a card calls vpcd and answers it; ending the call takes it away."""

    def __init__(self, port: int | None = None, listener: int | None = None) -> None:
        # vpcd opens this port and, for a second slot, the next.
        self.port = port or _find_two_ports()
        # The process in whose network the driver listens.
        self.listener = listener
        self.commands: list[bytes] = []
        self._line: socket.socket | None = None
        self._thread: threading.Thread | None = None

    def put(self, uid: bytes, answer: Answer, atr: bytes = ISO_DEP_ATR) -> None:
        self.clear()
        line = call(self.port, self.listener)
        line.settimeout(None)
        self._line = line
        self._thread = threading.Thread(target=self._speak, args=(line, atr, uid, answer), daemon=True)
        self._thread.start()

    def clear(self) -> None:
        line, self._line = self._line, None
        if line is not None and self._thread is not None:
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
            self._thread.join(WAIT_S)
            line.close()

    def _speak(self, line: socket.socket, atr: bytes, uid: bytes, answer: Answer) -> None:
        with contextlib.suppress(OSError, EOFError):
            while True:
                asked = _take(line, int.from_bytes(_take(line, 2)))
                if len(asked) == 1:
                    if asked[0] == GET_ATR:
                        _give(line, atr)
                    continue
                self.commands.append(asked)
                _give(line, uid + b"\x90\x00" if asked == GET_UID else answer(asked))


def _find_two_ports() -> int:
    while True:
        with socket.create_server(("127.0.0.1", 0)) as first:
            port = int(first.getsockname()[1])
            with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port + 1)):
                return port


@contextlib.contextmanager
def network_of(process: int | None) -> Iterator[None]:
    """Let this thread make its sockets in the network of another process."""
    if process is None:
        yield
        return
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/thread-self/ns/net") as ours, open(f"/proc/{process}/ns/net") as theirs:
        if libc.setns(theirs.fileno(), 0) != 0:
            raise OSError(ctypes.get_errno(), "setns")
        try:
            yield
        finally:
            assert libc.setns(ours.fileno(), 0) == 0, "this thread is left in another network"


def call(port: int, listener: int | None) -> socket.socket:
    """Call a port on the loopback of a process's network."""
    with network_of(listener):
        return socket.create_connection(("127.0.0.1", port), WAIT_S)


def _take(line: socket.socket, length: int) -> bytes:
    taken = b""
    while len(taken) < length:
        piece = line.recv(length - len(taken))
        if not piece:
            raise EOFError
        taken += piece
    return taken


def _give(line: socket.socket, told: bytes) -> None:
    line.sendall(len(told).to_bytes(2) + told)


class Daemon:
    """A pcscd of our own; stopping it is what unplugging every reader looks like to the agent."""

    def __init__(self, folder: Path, slot: Slot) -> None:
        self._folder, self._slot = folder, slot
        (folder / "reader").write_text(
            f'FRIENDLYNAME "{NAME}"\nDEVICENAME /dev/null:{hex(slot.port)}\n'
            f"LIBPATH {DRIVER}\nCHANNELID {hex(slot.port)}\n"
        )
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self._folder / "pcscd.log").open("ab") as log:
            words = ["pcscd", "--foreground", "--config", str(self._folder)]
            if can_make_networks():
                alone = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
                self._process = subprocess.Popen([*alone, *words], stdout=log, stderr=log)
                self._slot.listener = self._process.pid
            else:
                self._process = subprocess.Popen(words, stdout=log, stderr=log)
        wait_until(lambda: SOCKET.exists() and self._listens(), self.log)

    def _listens(self) -> bool:
        # The second slot's, so that no card is laid on the first.
        try:
            call(self._slot.port + 1, self._slot.listener).close()
        except OSError:
            return False
        return True

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            process.wait(WAIT_S)

    def log(self) -> str:
        return (self._folder / "pcscd.log").read_text(errors="replace")


def wait_until(holds: Callable[[], object], say: Callable[[], str] = str) -> None:
    deadline = time.monotonic() + WAIT_S
    while not holds():
        assert time.monotonic() < deadline, say()
        threading.Event().wait(0.05)


def find_hindrance() -> str | None:
    """Say why there can be no virtual reader here; None where there can be one."""
    if not DRIVER.exists() or shutil.which("pcscd") is None or importlib.util.find_spec("smartcard") is None:
        return INSTALL
    if os.geteuid() != 0:
        return "pcscd keeps its socket in /run and so is root's"
    return None


@pytest.fixture
def slot() -> Iterator[Slot]:
    """A slot. Where none can be had it is a failure with CI=true and a skip elsewhere."""
    hindrance = find_hindrance()
    if hindrance is not None:
        if os.environ.get("CI") == "true":
            pytest.fail(hindrance)
        pytest.skip(hindrance)
    with LOCK.open("w") as lock:
        # There is room for one pcscd on a machine: workers take turns.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if SOCKET.exists():
            pytest.skip("another pcscd runs on this machine, and there is room for one")
        made = Slot()
        yield made
        made.clear()


@pytest.fixture
def daemon(slot: Slot, tmp_path: Path) -> Iterator[Daemon]:
    folder = tmp_path / "reader.conf.d"
    folder.mkdir()
    made = Daemon(folder, slot)
    made.start()
    yield made
    made.stop()
