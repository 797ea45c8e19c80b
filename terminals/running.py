"""`run`: the agent that stays, with a full screen or without one.

Knows the loop, its clock, its signals and the lock; must not know how a key or a tap is acted on.
"""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from types import FrameType

from terminals import messages
from terminals.console import Console
from terminals.errors import StateError, TerminalError
from terminals.heartbeat import INTERVAL_S, OFFLINE_INTERVAL_S
from terminals.lock import AgentLock
from terminals.results import Exit
from terminals.screen import Screen, Wake, run_screen
from terminals.state import ReaderNotes, StateFolder
from terminals.terminal import Terminal
from terminals.view import draw
from terminals.watch import Done, Event, Events, ReaderChanged, ReaderWatch, Tapped, Work

log = logging.getLogger(__name__)
TICK_S = 0.25
LOG_BYTES_MAX = 256 * 1024


def run(options: argparse.Namespace) -> int:
    """Run the agent until it is told to stop; headless it gives way to an interactive one."""
    folder = StateFolder(options.state)
    folder.enrolment()
    return _run_headless(folder, options) if options.headless else _run_screen(folder, options)


def _run_screen(folder: StateFolder, options: argparse.Namespace) -> int:
    if not sys.stdin.isatty() or not sys.stdout.isatty():
        raise StateError(
            "SW-STATE-01", "the full screen needs a terminal: use --headless, or redeem --amount"
        )
    # Nothing may be written over the screen; what went wrong is kept beside the journal.
    _log_to(RotatingFileHandler(folder.log_file, maxBytes=LOG_BYTES_MAX, backupCount=1), logging.WARNING)
    wake = Wake()
    ended = threading.Event()

    def end() -> None:
        ended.set()
        wake()

    _on_stop_signals(end)
    with AgentLock(folder, "interactive"), Terminal(folder, operator=options.operator) as terminal:
        events = Events(wake)
        reader = ReaderWatch(options.reader or terminal.enrolment.reader, events)
        work = Work(events)
        console = Console(terminal, work.begin, options.lang)

        def body(screen: Screen) -> int:
            reader.start()
            work.start()
            console.start()
            _loop(screen, console, events, terminal, ended)
            return Exit.APPROVED

        try:
            return run_screen(body, wake)
        finally:
            reader.stop()
            work.stop()


def _loop(
    screen: Screen, console: Console, events: Events, terminal: Terminal, ended: threading.Event
) -> None:
    beat_at = time.monotonic()
    while not ended.is_set() and not console.shown.is_ended:
        if time.monotonic() >= beat_at:
            console.beat()
            beat_at = time.monotonic() + (OFFLINE_INTERVAL_S if console.shown.site_code else INTERVAL_S)
        width, height = screen.size()
        screen.show(draw(console.shown, terminal.enrolment, datetime.now(UTC), width=width, height=height))
        for key in screen.wait():
            console.on_key(key)
        while (event := events.next()) is not None:
            console.on_event(event)


def _run_headless(folder: StateFolder, options: argparse.Namespace) -> int:
    _log_to(logging.StreamHandler(sys.stderr), logging.INFO)
    stop = threading.Event()
    _on_stop_signals(stop.set)
    lock = AgentLock(folder, "headless")
    while lock.acquire_when_free(stop):
        try:
            with Terminal(folder, operator=options.operator) as terminal:
                Headless(terminal, options.reader or terminal.enrolment.reader).run(
                    lambda: stop.is_set() or lock.is_asked_to_give_way()
                )
        finally:
            lock.release()
        log.info("ended gave_way=%s", not stop.is_set())
        if not options.stay:
            break
    return Exit.APPROVED


class Headless:
    """The agent without a screen: taps are told to the site, which shows the card at the paired counter."""

    def __init__(self, terminal: Terminal, reader: str) -> None:
        self._terminal = terminal
        self._events = Events()
        self._work = Work(self._events)
        self._reader = ReaderWatch(reader, self._events)
        self._reader_code: str | None = None
        self._inquiries = 0
        self._failures: dict[str, str] = {}

    def run(self, is_ended: Callable[[], bool]) -> None:
        """Watch the reader, resolve the queue and tell the site, until told to stop."""
        self._reader.start()
        self._work.start()
        log.info("started terminal=%s site=%s", self._terminal.enrolment.name, self._terminal.enrolment.site)
        beat_at = time.monotonic()
        try:
            while not is_ended():
                if time.monotonic() >= beat_at:
                    self._work.begin("resolve", self._terminal.transactions.resolve)
                    self._work.begin("beat", lambda: self._terminal.tell_health(self._reader_code))
                    beat_at = time.monotonic() + INTERVAL_S
                event = self._events.next(TICK_S)
                if event is not None:
                    self._act(event)
        finally:
            self._reader.stop()
            self._work.stop()

    def _act(self, event: Event) -> None:
        if isinstance(event, Tapped):
            # A card presented over and over while the site is slow must not make a line of old inquiries.
            if self._inquiries == 0:
                self._inquiries += 1
                card = event.tap.card
                self._work.begin("inquiry", lambda: self._terminal.site.inquire(card))
        elif isinstance(event, ReaderChanged):
            self._reader_changed(event)
        else:
            self._done(event)

    def _reader_changed(self, event: ReaderChanged) -> None:
        is_card = event.code.startswith("NFC-")
        if is_card or event.code != self._reader_code:
            log.info("reader %s code=%s %s", event.name, event.code or "-", event.detail)
            if event.code:
                self._terminal.record_fault(event.code, event.detail, "tap")
        if not is_card:
            self._reader_code = event.code
            notes = ReaderNotes(reader=event.name, code=event.code, detail=event.detail)
            self._terminal.folder.save_reader_notes(notes)

    def _done(self, done: Done) -> None:
        if done.work == "inquiry":
            self._inquiries = 0
        if done.error is not None:
            self._failed(done.work, done.error)
            return
        self._failures.pop(done.work, None)
        if isinstance(done.value, messages.Inquiry):
            log.info("tap card=%s state=%s", done.value.card.number_masked, done.value.card.state)
        elif done.work == "resolve" and done.value:
            log.info("resolved count=%d", len(done.value))

    def _failed(self, work: str, error: TerminalError) -> None:
        """Note a failure once, not every minute that it lasts."""
        if work == "inquiry" or self._failures.get(work) != error.code:
            log.warning("%s_failed code=%s %s", work, error.code, error.detail)
            self._terminal.record_fault(error.code, error.detail, "tap" if work == "inquiry" else None)
        self._failures[work] = error.code


def _log_to(handler: logging.Handler, level: int) -> None:
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    logging.getLogger("terminals").addHandler(handler)
    logging.getLogger("terminals").setLevel(level)


def _on_stop_signals(end: Callable[[], None]) -> None:
    def ended(_signal: int, _frame: FrameType | None) -> None:
        end()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, ended)
