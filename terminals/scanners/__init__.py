"""Barcode scanners behind one interface: what a scan is, and what can go wrong until there is one.

Knows scans and fault codes; must not know a device, nor what a code stands for.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Protocol

from terminals.errors import TerminalError
from terminals.messages import Retry

CODE_LENGTH_MAX = 512
REOPEN_INTERVAL_S = 2.0


class ScannerError(TerminalError):
    """The scanner failed before any transaction began: no money moved."""

    retry: Retry = "same"


@dataclass(frozen=True, slots=True)
class Scanned:
    """A code came from a scanner."""

    text: str


@dataclass(frozen=True, slots=True)
class ScannerChanged:
    """The scanner works (no code), or does not."""

    name: str
    code: str = ""
    detail: str = ""


class Scanner(Protocol):
    """A scanner, used by one thread at a time."""

    name: str

    def open(self) -> None:
        """Take hold of the device, for this agent alone. Raises ScannerError HW-DRV-01 or HW-USB-01."""

    def close(self) -> None:
        """Let go of the device; closing twice is harmless."""

    def wait_for_code(self, *, stop: threading.Event) -> str | None:
        """Block until a code came, or `stop` is set: then None.

        Raises ScannerError HW-USB-01 when the device went; the next call opens it again, after at most 2 s,
        so that a caller may simply go on calling.
        """


def open_scanner(path: str) -> Scanner:
    """Give the scanner at a path: `serial:/dev/ttyACM0[:9600]`, `serial:COM3` or `hid:/dev/input/by-id/...`.

    The device itself is taken by `open()`. Raises ScannerError HW-DRV-01 where path or driver is none.
    """
    kind, _, device = path.partition(":")
    if kind == "hid" and device:
        from terminals.scanners.hid import HidScanner

        return HidScanner(device)
    if kind == "serial" and device:
        try:
            from terminals.scanners.serial_port import SerialScanner
        except ImportError as error:
            raise ScannerError(
                "HW-DRV-01",
                f"{error.name or 'serial'} is missing: pip install -r terminals/requirements.txt",
                detail_zh=f"缺少 {error.name or 'serial'}：pip install -r terminals/requirements.txt",
            ) from error
        name, _, speed = device.partition(":")
        if not speed or speed.isdecimal():
            return SerialScanner(name, baud=int(speed or 9600))
    raise ScannerError(
        "HW-DRV-01",
        f"{path!r} is no scanner: say serial:/dev/ttyACM0 or hid:/dev/input/...",
        detail_zh=f"{path!r} 不是扫码器：请写 serial:/dev/ttyACM0 或 hid:/dev/input/...",
    )


def next_code(scanner: Scanner, within_s: float) -> str | None:
    """Give the next code; None when none came in time. Raises ScannerError."""
    stop = threading.Event()
    timer = threading.Timer(within_s, stop.set)
    timer.daemon = True
    timer.start()
    try:
        return scanner.wait_for_code(stop=stop)
    finally:
        timer.cancel()
