"""What is presented to a terminal: a tap, a scan or typed digits, whichever comes first, and its PIN.

Knows readers, scanners and events; must not know what the card is wanted for.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from terminals import messages
from terminals.errors import TerminalError
from terminals.payloads import card_of
from terminals.readers import Reader, ReaderError, Tap, open_reader, paths_of
from terminals.scanners import Scanned, ScannerChanged, ScannerError
from terminals.scanners.watch import ScannerWatch
from terminals.watch import Event, Events, ReaderChanged, ReaderWatch, Tapped, watch_readers

T = TypeVar("T")
Tell = Callable[[str, str], object]
# After these the customer presents the card once more, and the wait goes on.
AGAIN_CODES = {"NFC-RF-01", "NFC-RF-02", "NFC-TORN-01"}


@dataclass(frozen=True, slots=True)
class Presented:
    """What the site can be told of a card; with the tap that it came by, it can still be spoken to."""

    card: messages.Card
    tap: Tap | None = None
    reader: Reader | None = None

    @property
    def uid(self) -> str | None:
        """The UID that the air showed, in hex; None where nothing was tapped."""
        return None if self.tap is None else self.tap.uid


Use = Callable[[Presented], T]


def tapped(reader: Reader, tap: Tap) -> Presented:
    """Present the card of a tap."""
    return Presented(tap.card, tap, reader)


def with_pin(card: messages.Card, pin: str | None) -> messages.Card:
    """Add the PIN that was typed, where the kind of card takes one."""
    return msgspec.structs.replace(card, pin=pin) if pin and takes_pin(card) else card


def takes_pin(card: messages.Card) -> bool:
    """Tell whether a PIN can go with this kind of card; a pay code has none."""
    return not isinstance(card, messages.PayCodeCard)


def wait_for_tap(
    path: str, *, wait_s: float, use: Callable[[Reader, Tap], T], tell: Tell, ready: Callable[[], object]
) -> T | None:
    """Use the first card that is tapped while it lies there; None when none came within `wait_s`.

    A card that left too early, or two at once, is told and waited for again. `ready` is called once the
    reader is open. Raises ReaderError.
    """
    if len(paths_of(path)) > 1:
        ready()
        return wait_for_card(
            reader=path, scanner="", wait_s=wait_s, use=lambda shown: use(*_tap_of(shown)), tell=tell
        )
    stop = threading.Event()
    timer = threading.Timer(wait_s, stop.set)
    timer.daemon = True
    reader = open_reader(path)
    try:
        reader.open()
        ready()
        timer.start()
        while True:
            try:
                tap = reader.wait_for_tap(stop=stop)
                return use(reader, tap) if tap is not None else None
            except ReaderError as error:
                if error.code not in AGAIN_CODES or stop.is_set():
                    raise
                tell(error.code, error.detail)
    finally:
        timer.cancel()
        reader.close()


def wait_for_card(*, reader: str, scanner: str, wait_s: float, use: Use[T], tell: Tell) -> T | None:
    """Use the first card that is tapped at a reader, or scanned, within `wait_s`; None when none came.

    `tell` hears of each fault on the way, code and detail; one device that is gone does not end the wait
    while another works. Raises ReaderError when all are gone, PayloadRefused for a foreign code.
    """
    events = Events()
    watches: list[ReaderWatch | ScannerWatch] = [*watch_readers(reader, events)]
    if scanner:
        watches.append(ScannerWatch(scanner, events))
    for watch in watches:
        watch.start()
    faults: dict[str, TerminalError] = {}
    deadline = time.monotonic() + wait_s
    try:
        while (left_s := deadline - time.monotonic()) > 0:
            event = events.next(left_s)
            try:
                presented = _presented(event)
                if presented is not None:
                    return use(presented)
            except ReaderError as error:
                if error.code not in AGAIN_CODES:
                    raise
                tell(error.code, error.detail)
            if isinstance(event, ReaderChanged | ScannerChanged):
                _note(event, faults, tell)
                if len(faults) == len(watches):
                    raise next(iter(faults.values()))
        return None
    finally:
        for watch in watches:
            watch.stop()


def _presented(event: Event | None) -> Presented | None:
    if isinstance(event, Tapped):
        return tapped(event.reader, event.tap)
    if isinstance(event, Scanned):
        return Presented(card_of(event.text, entry="scan"))
    return None


def _tap_of(shown: Presented) -> tuple[Reader, Tap]:
    assert shown.reader is not None, "without a scanner there is nothing but taps"
    assert shown.tap is not None, "what comes from a reader is a tap"
    return shown.reader, shown.tap


def _note(event: ReaderChanged | ScannerChanged, faults: dict[str, TerminalError], tell: Tell) -> None:
    """Keep the fault of each device that is gone, and tell it once."""
    is_reader = isinstance(event, ReaderChanged)
    if isinstance(event, ReaderChanged) and event.is_of_card:
        tell(event.code, event.detail)
        return
    device = f"reader {event.path}" if isinstance(event, ReaderChanged) else "scanner"
    known = faults.pop(device, None)
    if event.code:
        faults[device] = (ReaderError if is_reader else ScannerError)(event.code, event.detail)
        if known is None or known.code != event.code:
            tell(event.code, event.detail)
