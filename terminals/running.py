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

from terminals import card_steps, messages
from terminals.console import Console
from terminals.doctor import find_cause
from terminals.errors import ConnectionFault, StateError, TerminalError
from terminals.heartbeat import INTERVAL_S, OFFLINE_INTERVAL_S
from terminals.lock import AgentLock
from terminals.payloads import PayloadRefused, card_of
from terminals.presenting import Presented, tapped
from terminals.results import Exit
from terminals.scanners import Scanned, ScannerChanged
from terminals.scanners.watch import ScannerWatch
from terminals.screen import Screen, Wake, run_screen
from terminals.state import DeviceNotes, StateFolder
from terminals.terminal import Terminal
from terminals.view import draw
from terminals.watch import (
    Done,
    Event,
    Events,
    ReaderChanged,
    ReadersSeen,
    ReaderWatch,
    Tapped,
    Work,
    watch_readers,
)

log = logging.getLogger(__name__)
TICK_S = 0.25
LOG_BYTES_MAX = 256 * 1024
Watch = ReaderWatch | ScannerWatch


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
        watches = _watches(options, terminal, events)
        work = Work(events)
        console = Console(terminal, work.begin, options.lang)

        def body(screen: Screen) -> int:
            _start(watches)
            work.start()
            console.start()
            _loop(screen, console, events, terminal, ended)
            return Exit.APPROVED

        try:
            return run_screen(body, wake)
        finally:
            _stop(watches)
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
                events = Events()
                headless = Headless(terminal, events, _watches(options, terminal, events))
                headless.run(lambda: stop.is_set() or lock.is_asked_to_give_way())
        finally:
            lock.release()
        log.info("ended gave_way=%s", not stop.is_set())
        if not options.stay:
            break
    return Exit.APPROVED


class Headless:
    """The agent without a screen: taps are told to the site, which shows the card at the paired counter."""

    def __init__(self, terminal: Terminal, events: Events, watches: list[Watch]) -> None:
        self._terminal = terminal
        self._events = events
        self._work = Work(events)
        self._watches = watches
        self._readers = ReadersSeen()
        self._reader_code: str | None = None
        has_scanner = any(isinstance(watch, ScannerWatch) for watch in watches)
        self._scanner_code: str | None = "" if has_scanner else None
        self._inquiries = 0
        self._failures: dict[str, str] = {}

    def run(self, is_ended: Callable[[], bool]) -> None:
        """Watch the reader, resolve the queue and tell the site, until told to stop."""
        _start(self._watches)
        self._work.start()
        log.info("started terminal=%s site=%s", self._terminal.enrolment.name, self._terminal.enrolment.site)
        beat_at = time.monotonic()
        try:
            while not is_ended():
                if time.monotonic() >= beat_at:
                    self._work.begin("resolve", self._terminal.transactions.resolve)
                    self._work.begin(
                        "beat", lambda: self._terminal.tell_health(self._reader_code, self._scanner_code)
                    )
                    beat_at = time.monotonic() + INTERVAL_S
                event = self._events.next(TICK_S)
                if event is not None:
                    self._act(event)
        finally:
            _stop(self._watches)
            self._work.stop()

    def _act(self, event: Event) -> None:
        if isinstance(event, Tapped):
            self._inquire(tapped(event.reader, event.tap))
        elif isinstance(event, Scanned):
            self._scanned(event)
        elif isinstance(event, ScannerChanged):
            self._scanner_changed(event)
        elif isinstance(event, ReaderChanged):
            self._reader_changed(event)
        elif isinstance(event, Done):
            self._done(event)

    def _inquire(self, presented: Presented) -> None:
        # A card presented over and over while the site is slow must not make a line of old inquiries.
        if self._inquiries == 0:
            self._inquiries += 1
            self._work.begin("inquiry", lambda: self._terminal.meet(presented))

    def _scanned(self, event: Scanned) -> None:
        try:
            presented = Presented(card_of(event.text, entry="scan"))
        except PayloadRefused as refused:
            log.info("scan refused code=%s scheme=%s", refused.code, refused.detail)
            self._terminal.record_fault(refused.code, refused.detail, "scan")
            return
        self._inquire(presented)

    def _scanner_changed(self, event: ScannerChanged) -> None:
        if event.code != self._scanner_code:
            log.info("scanner %s code=%s %s", event.name, event.code or "-", event.detail)
            if event.code:
                self._terminal.record_fault(event.code, event.detail, "scan")
        self._scanner_code = event.code
        notes = DeviceNotes(name=event.name, code=event.code, detail=event.detail)
        self._terminal.folder.save_scanner_notes(notes)

    def _reader_changed(self, event: ReaderChanged) -> None:
        is_new_fault = event.is_of_card or self._readers.note(event)
        if is_new_fault or not event.code:
            log.info("reader %s code=%s %s", event.name, event.code or "-", event.detail)
        if is_new_fault:
            self._terminal.record_fault(event.code, event.detail, "tap")
        if not event.is_of_card:
            worst = self._readers.worst
            self._reader_code = worst.code
            notes = DeviceNotes(name=worst.name, code=worst.code, detail=worst.detail)
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
        elif isinstance(done.value, card_steps.CardStep) and done.value.card is not None:
            log.info("personalised card=%s", done.value.card.number_masked)
        elif done.work == "resolve" and done.value:
            log.info("resolved count=%d", len(done.value))

    def _failed(self, work: str, error: TerminalError) -> None:
        """Note a failure once, not every minute that it lasts."""
        if work == "inquiry" or self._failures.get(work) != error.code:
            code, detail = error.code, error.detail
            found = find_cause(self._terminal.folder, code) if isinstance(error, ConnectionFault) else None
            if found is not None and found.code is not None:
                code, detail = found.code, found.detail.en if found.detail else detail
            log.warning("%s_failed code=%s %s", work, code, detail)
            self._terminal.record_fault(code, detail, "tap" if work == "inquiry" else None)
        self._failures[work] = error.code


def _watches(options: argparse.Namespace, terminal: Terminal, events: Events) -> list[Watch]:
    """Give what watches this terminal's readers, and its scanner where it has one."""
    scanner = options.scanner or terminal.enrolment.scanner
    readers = watch_readers(options.reader or terminal.enrolment.reader, events)
    return [*readers, ScannerWatch(scanner, events)] if scanner else [*readers]


def _start(watches: list[Watch]) -> None:
    for watch in watches:
        watch.start()


def _stop(watches: list[Watch]) -> None:
    for watch in watches:
        watch.stop()


def _log_to(handler: logging.Handler, level: int) -> None:
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    logging.getLogger("terminals").addHandler(handler)
    logging.getLogger("terminals").setLevel(level)


def _on_stop_signals(end: Callable[[], None]) -> None:
    def ended(_signal: int, _frame: FrameType | None) -> None:
        end()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, ended)
