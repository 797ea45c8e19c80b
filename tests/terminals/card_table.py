"""A table with a simulated reader and virtual cards, for tests of readers and of the simulator."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from prepaid.cards.crypto import SunIdentity, parse_sun, verify_sun
from terminals.messages import SunCard
from terminals.readers import Tap
from terminals.readers.nfcpy import Frontend, NfcpyReader
from terminals.simulator.cards import CardDescription, make_card
from terminals.simulator.counters import Counters
from terminals.simulator.device import Injected, SimulatedDevice
from terminals.simulator.field import Field, VirtualCard

KEY_META = bytes(range(16, 32))
KEY_FILE = bytes(range(16))
URI_BASE = "https://cards.example/t"


class Polls(threading.Event):
    """A stop that is set after so many polls of the reader, none of which takes any time.

    `between` is called before each further poll with how many there were.
    """

    def __init__(self, limit: int, between: Callable[[int], object] = str) -> None:
        super().__init__()
        self._limit = limit
        self._between = between
        self.count = 0

    def wait(self, timeout: float | None = None) -> bool:
        self.count += 1
        self._between(self.count)
        if self.count >= self._limit:
            self.set()
        return self.is_set()


class Table:
    """One reader over one field, and cards that keep their counters in a folder."""

    def __init__(self, folder: Path, faults: Mapping[int, Injected] | None = None) -> None:
        self.counters = Counters(folder / "cards.counters.json")
        self.field = Field()
        self.device = SimulatedDevice(self.field, faults)
        self.reader = NfcpyReader("simulated", connect=self.connect)
        self.reader.open()

    def connect(self, path: str) -> Frontend:
        frontend = Frontend()
        frontend.device = self.device
        return frontend

    def card(self, number: int = 1, **changes: Any) -> VirtualCard:
        """Make a card; `changes` are fields of its description."""
        described: dict[str, Any] = {
            "card": number,
            "uid": f"04a1b2c3d4{number:04x}",
            "uri_base": URI_BASE,
            "key_meta": KEY_META.hex(),
            "key_file": KEY_FILE.hex(),
        }
        return make_card(CardDescription(**described | changes), self.counters)

    def wait(self, polls: int = 10, between: Callable[[int], object] = str) -> Tap | None:
        """Wait for a tap, for so many polls at most."""
        return self.reader.wait_for_tap(stop=Polls(polls, between))

    def tap(self, *cards: VirtualCard) -> Tap:
        """Hold cards to the reader after it saw an empty field, and give the tap."""
        self.field.clear()
        assert self.wait() is None
        self.field.put(*cards)
        tap = self.wait()
        assert tap is not None
        return tap


def proven(tap: Tap) -> SunIdentity:
    """Check a tap's SUN message as the site does."""
    assert isinstance(tap.card, SunCard)
    assert tap.card.uri == tap.uri
    return verify_sun(parse_sun(tap.card.uri), key_meta=KEY_META, file_key_for=lambda uid: KEY_FILE)
