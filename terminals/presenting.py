"""Waiting for a card where a scanner stands beside the reader: a tap or a scan, whichever comes first.

Knows readers, scanners and events; must not know what the card is wanted for.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from terminals import messages
from terminals.errors import TerminalError
from terminals.payloads import card_of
from terminals.readers import ReaderError
from terminals.scanners import Scanned, ScannerChanged, ScannerError
from terminals.scanners.watch import ScannerWatch
from terminals.watch import Events, ReaderChanged, ReaderWatch, Tapped

Tell = Callable[[str, str], object]


def wait_for_card(*, reader: str, scanner: str, wait_s: float, tell: Tell) -> messages.Card | None:
    """Give the first card that is tapped or scanned within `wait_s`; None when none came.

    `tell` hears of each fault on the way, code and detail; one device that is gone does not end the wait
    while the other works. Raises ReaderError when both are gone, PayloadRefused for a foreign code.
    """
    events = Events()
    watches: list[ReaderWatch | ScannerWatch] = [ReaderWatch(reader, events), ScannerWatch(scanner, events)]
    for watch in watches:
        watch.start()
    try:
        return _first_card(events, time.monotonic() + wait_s, tell)
    finally:
        for watch in watches:
            watch.stop()


def _first_card(events: Events, deadline: float, tell: Tell) -> messages.Card | None:
    faults: dict[str, TerminalError] = {}
    while (left_s := deadline - time.monotonic()) > 0:
        event = events.next(left_s)
        if isinstance(event, Tapped):
            return event.tap.card
        if isinstance(event, Scanned):
            return card_of(event.text, entry="scan")
        if not isinstance(event, ReaderChanged | ScannerChanged):
            continue
        is_device = not event.code.startswith("NFC-")
        name = "reader" if isinstance(event, ReaderChanged) else "scanner"
        known = faults.pop(name, None) if is_device else None
        if event.code and is_device:
            kind = ReaderError if name == "reader" else ScannerError
            faults[name] = kind(event.code, event.detail)
            if len(faults) == 2:
                raise faults["reader"]
        if event.code and (known is None or known.code != event.code):
            tell(event.code, event.detail)
    return None
