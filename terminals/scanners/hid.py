"""Scanners that are keyboards, grabbed so that nothing else hears them type: Linux's input events.

Knows the kernel's event records and a US keyboard; must not know what a code stands for. The records are read
here and not by a library, whose build needs a compiler on the till.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import struct
import threading
import time
from collections.abc import Callable, Iterator

from terminals.scanners import CODE_LENGTH_MAX, REOPEN_INTERVAL_S, ScannerError

# struct input_event of linux/input.h: seconds, microseconds, type, code, value.
EVENT = struct.Struct("@llHHi")
EV_KEY = 1
RELEASED, PRESSED = 0, 1
EVIOCGRAB = 0x40044590
POLL_S = 0.25
READ_EVENTS = 64

ENTERS = {28, 96}
SHIFTS = {42, 54}
# From linux/input-event-codes.h: first code of a row of keys, what they type, and what with shift.
ROWS = (
    (2, "1234567890-=", "!@#$%^&*()_+"),
    (16, "qwertyuiop[]", "QWERTYUIOP{}"),
    (30, "asdfghjkl;'`", 'ASDFGHJKL:"~'),
    (43, "\\zxcvbnm,./", "|ZXCVBNM<>?"),
    (57, " ", " "),
)
KEYPAD = {71: "7", 72: "8", 73: "9", 75: "4", 76: "5", 77: "6", 79: "1", 80: "2", 81: "3", 82: "0", 83: "."}
PLAIN = {first + place: letter for first, row, _ in ROWS for place, letter in enumerate(row)} | KEYPAD
SHIFTED = {first + place: letter for first, _, row in ROWS for place, letter in enumerate(row)} | KEYPAD


class KeyReader:
    """Turns the keys of a scanner into codes: Enter ends one."""

    def __init__(self) -> None:
        self._typed: list[str] = []
        self._shifts_down: set[int] = set()

    def on_key(self, key: int, value: int) -> str | None:
        """Take one event of a key; the code returns that it ended."""
        if key in SHIFTS:
            (self._shifts_down.discard if value == RELEASED else self._shifts_down.add)(key)
        elif value != PRESSED:
            return None
        elif key in ENTERS:
            typed, self._typed = "".join(self._typed).strip(), []
            return typed if typed and len(typed) <= CODE_LENGTH_MAX else None
        elif len(self._typed) <= CODE_LENGTH_MAX:
            # A key that is not known stands for something: left out, the rest might pass its check.
            self._typed.append((SHIFTED if self._shifts_down else PLAIN).get(key, "\ufffd"))
        return None


def keys_of(records: bytes) -> Iterator[tuple[int, int]]:
    """Give key and value of each record of a key."""
    for _, _, kind, key, value in EVENT.iter_unpack(records[: len(records) // EVENT.size * EVENT.size]):
        if kind == EV_KEY:
            yield key, value


def grab(descriptor: int) -> None:
    """Take a device so that its keys reach nobody else. Raises OSError."""
    import fcntl

    fcntl.ioctl(descriptor, EVIOCGRAB, 1)


class HidScanner:
    """A scanner that types; `take` is replaced where the device is none that can be grabbed."""

    def __init__(self, device: str, *, take: Callable[[int], None] = grab) -> None:
        self.name = f"hid:{device}"
        self._device = device
        self._take = take
        self._descriptor: int | None = None
        self._opened_at: float | None = None
        self._keys = KeyReader()
        self._codes: list[str] = []

    def open(self) -> None:
        """Take hold of the keyboard. Raises ScannerError."""
        self.close()
        self._opened_at = time.monotonic()
        try:
            self._descriptor = os.open(self._device, os.O_RDONLY | os.O_NONBLOCK)
            self._take(self._descriptor)
        except OSError as error:
            self.close()
            raise _error_of(error, self._device) from error

    def close(self) -> None:
        """Let go of the keyboard."""
        descriptor, self._descriptor = self._descriptor, None
        self._keys = KeyReader()
        if descriptor is not None:
            with contextlib.suppress(OSError):
                os.close(descriptor)

    def wait_for_code(self, *, stop: threading.Event) -> str | None:
        """Block until a code came, or `stop` is set. Raises ScannerError."""
        while not stop.is_set():
            if self._codes:
                return self._codes.pop(0)
            if self._descriptor is None:
                self._reopen(stop)
                continue
            ready, _, _ = select.select([self._descriptor], [], [], POLL_S)
            if ready:
                self._read(self._descriptor)
        return None

    def _read(self, descriptor: int) -> None:
        try:
            records = os.read(descriptor, EVENT.size * READ_EVENTS)
        except BlockingIOError:
            return
        except OSError as error:
            self.close()
            raise _gone(self._device) from error
        if not records:
            self.close()
            raise _gone(self._device)
        ended = [self._keys.on_key(key, value) for key, value in keys_of(records)]
        self._codes += [code for code in ended if code is not None]

    def _reopen(self, stop: threading.Event) -> None:
        if self._opened_at is not None:
            stop.wait(max(0.0, self._opened_at + REOPEN_INTERVAL_S - time.monotonic()))
        if not stop.is_set():
            self.open()


def _gone(device: str) -> ScannerError:
    return ScannerError("HW-USB-01", f"{device} went", detail_zh=f"{device} 已断开")


def _error_of(error: OSError, device: str) -> ScannerError:
    if error.errno in {errno.EACCES, errno.EPERM}:
        return ScannerError(
            "HW-DRV-01",
            f"{device} may not be opened: take the udev rules of docs/terminals.md, or add this user to the "
            "group input and log in again",
            detail_zh=f"没有打开 {device} 的权限：请按 docs/terminals.md 设置 udev 规则，"
            "或将本用户加入 input 组并重新登录",
        )
    if error.errno == errno.EBUSY:
        said, said_zh = (
            f"{device} is grabbed by another program: close it",
            f"{device} 被其他程序独占：请关闭该程序",
        )
        return ScannerError("HW-DRV-01", said, detail_zh=said_zh)
    return ScannerError(
        "HW-USB-01", f"{device}: {error.strerror}", detail_zh=f"{device} 没有应答（{error.strerror}）"
    )
