"""Scanners on a serial port, real or over USB: each code ends with CR, LF or 80 ms without a byte.

Knows pyserial and the ends of codes; must not know what a code stands for.
"""

from __future__ import annotations

import contextlib
import errno
import threading
import time

import serial

from terminals.scanners import CODE_LENGTH_MAX, REOPEN_INTERVAL_S, ScannerError

IDLE_S = 0.08
END_BYTES = b"\r\n"


class Splitter:
    """Cuts a stream of bytes into codes; what is longer than any code is dropped whole."""

    def __init__(self) -> None:
        self._begun = bytearray()
        self._is_too_long = False
        self._whole: list[str] = []

    @property
    def has_begun(self) -> bool:
        """Tell whether a code has begun that has no end yet."""
        return bool(self._begun) or self._is_too_long

    def feed(self, received: bytes) -> None:
        """Take bytes as they came."""
        for byte in received:
            if byte in END_BYTES:
                self.end()
            elif len(self._begun) >= CODE_LENGTH_MAX:
                self._is_too_long = True
            else:
                self._begun.append(byte)

    def end(self) -> None:
        """End the code that has begun, as an end byte or a silence does."""
        text = self._begun.decode("utf-8", errors="replace").strip()
        if text and not self._is_too_long:
            self._whole.append(text)
        self._begun.clear()
        self._is_too_long = False

    def next(self) -> str | None:
        """Take the first whole code; None where there is none yet."""
        return self._whole.pop(0) if self._whole else None


class SerialScanner:
    """A scanner at a serial port, which no other program may use meanwhile."""

    def __init__(self, port: str, *, baud: int = 9600) -> None:
        self.name = f"serial:{port}"
        self._port_name = port
        self._baud = baud
        self._port: serial.Serial | None = None
        self._opened_at: float | None = None
        self._splitter = Splitter()

    def open(self) -> None:
        """Take hold of the port. Raises ScannerError."""
        self.close()
        self._opened_at = time.monotonic()
        try:
            self._port = serial.Serial(self._port_name, self._baud, timeout=IDLE_S, exclusive=True)
        except serial.SerialException as error:
            raise _error_of(error, self._port_name) from error

    def close(self) -> None:
        """Let go of the port."""
        port, self._port = self._port, None
        self._splitter = Splitter()
        if port is not None:
            with contextlib.suppress(OSError):
                port.close()

    def wait_for_code(self, *, stop: threading.Event) -> str | None:
        """Block until a code came, or `stop` is set. Raises ScannerError."""
        while not stop.is_set():
            if self._port is None:
                self._reopen(stop)
                continue
            code = self._splitter.next()
            if code is not None:
                return code
            try:
                received = self._port.read(self._port.in_waiting or 1)
            except (OSError, TypeError) as error:
                # pyserial reads from nothing once the device is gone, hence the TypeError.
                self.close()
                raise ScannerError("HW-USB-01", f"{self._port_name} went: {error}") from error
            if received:
                self._splitter.feed(received)
            elif self._splitter.has_begun:
                self._splitter.end()
        return None

    def _reopen(self, stop: threading.Event) -> None:
        if self._opened_at is not None:
            stop.wait(max(0.0, self._opened_at + REOPEN_INTERVAL_S - time.monotonic()))
        if not stop.is_set():
            self.open()


def _error_of(error: serial.SerialException, port: str) -> ScannerError:
    if error.errno in {errno.EACCES, errno.EPERM}:
        return ScannerError(
            "HW-DRV-01", f"{port} may not be opened: add this user to the group dialout and log in again"
        )
    if error.errno in {errno.EBUSY, errno.EAGAIN, errno.EWOULDBLOCK} or "lock" in str(error):
        return ScannerError("HW-DRV-01", f"{port} is used by another program: close it")
    return ScannerError("HW-USB-01", f"{port}: {error.strerror or error}")
