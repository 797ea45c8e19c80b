"""Threads beside the screen: one watches each reader, one does the work; all tell events to one queue.

Knows readers and callables; must not know what an event leads to.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from terminals.errors import TerminalError
from terminals.readers import Reader, ReaderError, Tap, open_reader, paths_of
from terminals.scanners import Scanned, ScannerChanged

log = logging.getLogger(__name__)
REOPEN_S = 2.0
SETTLE_S = 0.3


@dataclass(frozen=True, slots=True)
class Tapped:
    """A new card came to the reader, through which it can be spoken to while it lies there."""

    tap: Tap
    reader: Reader


@dataclass(frozen=True, slots=True)
class ReaderChanged:
    """The reader works (no code), or does not."""

    name: str
    code: str = ""
    detail: str = ""
    # Which of several it is; its name changes once it is opened.
    path: str = ""

    @property
    def is_of_card(self) -> bool:
        """Tell whether the card on it is at fault, and the reader goes on."""
        return self.code.startswith("NFC-")


class ReadersSeen:
    """How each of a terminal's readers was heard to be last: while one is gone, the others sell on."""

    def __init__(self) -> None:
        self._seen: dict[str, ReaderChanged] = {}

    def note(self, event: ReaderChanged) -> bool:
        """Note how a reader is now, and tell whether that is a fault that it did not have before."""
        before = self._seen.get(event.path)
        self._seen[event.path] = event
        return bool(event.code) and (before is None or before.code != event.code)

    @property
    def worst(self) -> ReaderChanged:
        """The reader to look at: the first with a fault, else the first."""
        readers = list(self._seen.values())
        return next((one for one in readers if one.code), readers[0])


@dataclass(frozen=True, slots=True)
class Done:
    """A piece of work ended with a value or an error."""

    work: str
    value: Any = None
    error: TerminalError | None = None


Event = Tapped | ReaderChanged | Scanned | ScannerChanged | Done


class Events:
    """The queue between the threads; `wake` is called after each event, so that a screen can wait for it."""

    def __init__(self, wake: Callable[[], None] = lambda: None) -> None:
        self._queue: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._wake = wake

    def tell(self, event: Event) -> None:
        """Put an event at the end."""
        self._queue.put(event)
        self._wake()

    def next(self, timeout_s: float = 0.0) -> Event | None:
        """Take the first event; None when none came in time."""
        try:
            return self._queue.get(timeout=timeout_s) if timeout_s else self._queue.get_nowait()
        except queue.Empty:
            return None


class ReaderWatch(threading.Thread):
    """Tells every tap; opens the reader again every two seconds while it is gone."""

    def __init__(self, path: str, events: Events) -> None:
        super().__init__(name="reader", daemon=True)
        self._path = path
        self._events = events
        self._stop_asked = threading.Event()
        self._reader: Reader | None = None

    def stop(self) -> None:
        """End the watch and let go of the reader."""
        self._stop_asked.set()
        self.join(timeout=REOPEN_S + 1)

    def run(self) -> None:
        """Watch until told to stop."""
        while not self._stop_asked.is_set():
            try:
                self._watch()
            except ReaderError as error:
                self._events.tell(ReaderChanged(self._path, error.code, error.detail, self._path))
                self._stop_asked.wait(REOPEN_S)
            except Exception as error:
                log.exception("reader_failed")
                self._events.tell(ReaderChanged(self._path, "SW-APP-01", repr(error), self._path))
                self._stop_asked.wait(REOPEN_S)

    def _watch(self) -> None:
        # The same one for good: it knows the card that lies there, and where it was plugged in.
        reader = self._reader = self._reader or open_reader(self._path)
        try:
            reader.open()
            self._events.tell(ReaderChanged(reader.name, path=self._path))
            while not self._stop_asked.is_set():
                try:
                    tap = reader.wait_for_tap(stop=self._stop_asked)
                except ReaderError as error:
                    if not error.code.startswith("NFC-"):
                        raise
                    # The card's fault, not the reader's: it stays open for the next try.
                    self._events.tell(ReaderChanged(reader.name, error.code, error.detail, self._path))
                    self._stop_asked.wait(SETTLE_S)
                    continue
                if tap is not None:
                    self._events.tell(Tapped(tap, reader))
        finally:
            reader.close()


def watch_readers(readers: str, events: Events) -> list[ReaderWatch]:
    """Give a watch, not begun yet, for each of a terminal's readers."""
    return [ReaderWatch(path, events) for path in paths_of(readers)]


class Work(threading.Thread):
    """Does one piece of work after another and tells how each ended."""

    def __init__(self, events: Events) -> None:
        super().__init__(name="work", daemon=True)
        self._events = events
        self._pieces: queue.SimpleQueue[tuple[str, Callable[[], Any]] | None] = queue.SimpleQueue()

    def begin(self, name: str, do: Callable[[], Any]) -> None:
        """Put a piece of work in line."""
        self._pieces.put((name, do))

    def stop(self, wait_s: float = 30.0) -> None:
        """Finish what is begun, then end."""
        self._pieces.put(None)
        self.join(timeout=wait_s)

    def run(self) -> None:
        """Work until told to stop."""
        while (piece := self._pieces.get()) is not None:
            name, do = piece
            try:
                self._events.tell(Done(name, value=do()))
            except TerminalError as error:
                self._events.tell(Done(name, error=error))
            except Exception as error:
                log.exception("work_failed %s", name)
                self._events.tell(Done(name, error=TerminalError("SW-APP-01", repr(error))))
