"""Scanners on a serial port, real or over USB: each code ends with CR, LF or 80 ms without a byte.

Knows pyserial; must not know what a code stands for.
"""

from __future__ import annotations

import contextlib
import errno
import threading
import time

import serial

from terminals.scanners import REOPEN_INTERVAL_S, ScannerError
from terminals.scanners.codes import Splitter

IDLE_S = 0.08


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
                raise ScannerError(
                    "HW-USB-01",
                    f"{self._port_name} went: {error}",
                    detail_zh=f"{self._port_name} 已断开：{error}",
                ) from error
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
            "HW-DRV-01",
            f"{port} may not be opened: add this user to the group dialout and log in again",
            detail_zh=f"没有打开 {port} 的权限：请将本用户加入 dialout 组并重新登录",
        )
    if error.errno in {errno.EBUSY, errno.EAGAIN, errno.EWOULDBLOCK} or "lock" in str(error):
        said, said_zh = f"{port} is used by another program: close it", f"{port} 被其他程序占用：请关闭该程序"
        return ScannerError("HW-DRV-01", said, detail_zh=said_zh)
    why = error.strerror or error
    return ScannerError("HW-USB-01", f"{port}: {why}", detail_zh=f"{port} 没有应答（{why}）")
