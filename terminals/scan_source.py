"""Where codes come from while a scanner is tested: a scanner that types, or one at a serial port.

Knows bytes and when a code ends; must not know what a code means.
"""

from __future__ import annotations

import os
import select
import time
from pathlib import Path

from terminals.readers import ReaderError
from terminals.readers.causes import error_of

IDLE_S = 0.08
CODE_BYTES_MAX = 4096


class Source:
    """One code after another from a descriptor; CR or LF ends one, or 80 ms of silence where `ends_idle`."""

    def __init__(self, descriptor: int, *, ends_idle: bool, is_ours: bool) -> None:
        self._descriptor = descriptor
        self._ends_idle = ends_idle
        self._is_ours = is_ours
        self._kept = b""

    def next(self, timeout_s: float) -> str | None:
        """Give the next code, None when none came in time. EOFError at the end, ReaderError if unplugged."""
        deadline = time.monotonic() + timeout_s
        while True:
            code, ended, rest = self._split()
            if ended:
                self._kept = rest
                if code:
                    return code.decode("utf-8", "replace")
                continue
            idle = self._ends_idle and bool(self._kept)
            left_s = IDLE_S if idle else deadline - time.monotonic()
            if not select.select([self._descriptor], [], [], max(0.0, left_s))[0]:
                self._kept, whole = b"", self._kept
                return whole.decode("utf-8", "replace") if idle else None
            try:
                piece = os.read(self._descriptor, CODE_BYTES_MAX)
            except OSError as error:
                raise error_of(error, "the scanner's port") from error
            if not piece and self._is_ours:
                # A port has no end: it hung up.
                raise ReaderError("HW-USB-01", "the scanner is unplugged", detail_zh="扫描器已拔出")
            if not piece:
                raise EOFError
            self._kept = (self._kept + piece)[-CODE_BYTES_MAX:]

    def close(self) -> None:
        """Let go of a port that was opened here."""
        if self._is_ours:
            os.close(self._descriptor)

    def _split(self) -> tuple[bytes, bool, bytes]:
        for place, byte in enumerate(self._kept):
            if byte in b"\r\n":
                return self._kept[:place], True, self._kept[place + 1 :]
        return b"", False, self._kept


def keyboard(descriptor: int) -> Source:
    """Take codes from a scanner that types like a keyboard: each ends with Enter."""
    return Source(descriptor, ends_idle=False, is_ours=False)


def serial_port(path: Path) -> Source:
    """Take codes from a scanner at a serial port, raw. Raises ReaderError HW-USB-01 or HW-DRV-01."""
    import termios
    import tty

    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError as error:
        raise error_of(error, f"tty:{path}") from error
    try:
        tty.setraw(descriptor)
        os.set_blocking(descriptor, True)
    except (OSError, termios.error) as error:
        os.close(descriptor)
        raise ReaderError("HW-USB-01", f"{path} is no serial port", detail_zh=f"{path} 不是串口") from error
    return Source(descriptor, ends_idle=True, is_ours=True)
