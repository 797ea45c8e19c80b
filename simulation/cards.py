"""The cards in people's hands: what is in their chips, printed on them, and shown by a phone.

Knows what a card is and how one is copied; must not know what is on an account, nor who reads it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from prepaid.cards import pay_codes
from terminals import messages
from terminals.payloads import card_of
from terminals.simulator.felica_lite_s import FelicaLiteS
from terminals.simulator.field import VirtualCard
from terminals.simulator.memories import Memories
from terminals.simulator.ndef import uri_message
from terminals.simulator.ntag215 import Ntag215
from terminals.simulator.ntag424 import Ntag424
from terminals.simulator.ntag424_files import NDEF_FILE, blank_files, personalised_files
from terminals.stand_in import now

URI_BASE = "https://cards.example/t"
Technology = Literal["ntag424", "felica_lite_s", "ntag215"]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Facts:
    """What is in and on a card: `number` counts the chain's cards, `printed` is its card number.

    `memory` is where a FeliCa chip keeps its blocks between two readings; `phone` and `phone_secret` are a
    linked phone's.
    """

    number: int
    uid: bytes
    printed: str
    pin: str
    technology: Technology = "ntag424"
    key_meta: bytes = b""
    key_file: bytes = b""
    key_challenge: bytes = b""
    qr: str = ""
    phone: str = ""
    phone_secret: bytes = b""
    memory: Path = Path()

    def typed(self, pin: str | None = None) -> messages.NumberCard:
        """Type the printed number, with the card's PIN unless another is given."""
        return messages.NumberCard(number=self.printed, pin=pin or self.pin, entry="keyed")

    def wrong_pin(self) -> str:
        """Give a PIN that is not the card's."""
        return str((int(self.pin[0]) + 1) % 10) + self.pin[1:]

    def scanned(self) -> messages.Card:
        """Scan the printed code."""
        return card_of(self.qr, entry="scan")

    def shown_by_phone(self) -> messages.Card:
        """Scan the code that the holder's phone shows now, made from its secret and the time alone."""
        code = pay_codes.make_code(self.phone, self.phone_secret, pay_codes.window_at(now()))
        return card_of(code, entry="scan")


def make_chip(facts: Facts, *, count: Callable[[], int], kept: Callable[[], object]) -> VirtualCard:
    """Make a card's chip; `count` raises its counter for good, `kept` is called after it wrote a block."""
    if facts.technology == "ntag424":
        return _ntag424(facts, facts.key_challenge, count)
    if facts.technology == "ntag215":
        return copied_uid(facts)
    memories = Memories(facts.memory)

    def keep(chip: FelicaLiteS) -> None:
        memories.keep_felica(chip)
        kept()

    felica = FelicaLiteS(number=facts.number, label="", uid=facts.uid, keep=keep)
    memories.recall_felica(felica)
    return felica


def copied_chip(facts: Facts, *, count: Callable[[], int]) -> VirtualCard:
    """Make a chip that shows what this card shows, and has another key for challenges."""
    return _ntag424(facts, bytes(16), count)


def copied_uid(facts: Facts) -> VirtualCard:
    """Make a cheap tag with this card's UID."""
    return Ntag215(number=facts.number, label="", uid=facts.uid)


def copied_message(facts: Facts, uri: str) -> VirtualCard:
    """Make a chip with this card's UID that always shows the same address."""
    files, message = blank_files(), uri_message(uri)
    files[NDEF_FILE].put(0, len(message).to_bytes(2) + message)
    return Ntag424(number=facts.number, label="", uid=facts.uid, keys={}, files=files, count=lambda: 0)


def _ntag424(facts: Facts, key_challenge: bytes, count: Callable[[], int]) -> Ntag424:
    return Ntag424(
        number=facts.number,
        label="",
        uid=facts.uid,
        keys={1: facts.key_file, 2: facts.key_meta, 3: key_challenge},
        files=personalised_files(URI_BASE),
        count=count,
    )
