"""A thread beside the screen that tells every code scanned, and opens the scanner again while it is gone.

Knows scanners and the queue of events; must not know what a code leads to.
"""

from __future__ import annotations

import logging
import threading

from terminals.scanners import REOPEN_INTERVAL_S, Scanned, ScannerChanged, ScannerError, open_scanner
from terminals.watch import Events

log = logging.getLogger(__name__)


class ScannerWatch(threading.Thread):
    """Tells every scan."""

    def __init__(self, path: str, events: Events) -> None:
        super().__init__(name="scanner", daemon=True)
        self._path = path
        self._events = events
        self._stop_asked = threading.Event()

    def stop(self) -> None:
        """End the watch and let go of the scanner."""
        self._stop_asked.set()
        if self.is_alive():
            self.join(timeout=REOPEN_INTERVAL_S + 1)

    def run(self) -> None:
        """Watch until told to stop."""
        while not self._stop_asked.is_set():
            try:
                self._watch()
            except ScannerError as error:
                self._events.tell(ScannerChanged(self._path, error.code, error.detail))
                self._stop_asked.wait(REOPEN_INTERVAL_S)
            except Exception as error:
                log.exception("scanner_failed")
                self._events.tell(ScannerChanged(self._path, "SW-APP-01", repr(error)))
                self._stop_asked.wait(REOPEN_INTERVAL_S)

    def _watch(self) -> None:
        scanner = open_scanner(self._path)
        try:
            scanner.open()
            self._events.tell(ScannerChanged(scanner.name))
            while (code := scanner.wait_for_code(stop=self._stop_asked)) is not None:
                self._events.tell(Scanned(code))
        finally:
            scanner.close()
