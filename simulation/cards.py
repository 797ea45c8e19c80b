"""The cards in people's hands: virtual NTAG 424 DNA whose counters outlive the terminal that reads them.

Knows chips and what is printed on a card; must not know what is on an account.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator, MutableSequence
from contextlib import contextmanager
from dataclasses import dataclass

import ndef

from terminals import messages
from terminals.readers import Tap
from terminals.simulator.ntag424 import APPLICATION, Ntag424
from terminals.simulator.ntag424_files import NDEF_FILE, personalised_files
from terminals.stand_in import now

URI_BASE = "https://cards.example/t"
_SELECT_APPLICATION = b"\x00\xa4\x04\x00" + bytes([len(APPLICATION)]) + APPLICATION + b"\x00"
_SELECT_FILE = b"\x00\xa4\x00\x0c\x02" + NDEF_FILE.to_bytes(2)
_OK = b"\x90\x00"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Facts:
    """What is in and on a card: `number` counts the chain's cards, `printed` is its card number."""

    number: int
    uid: bytes
    key_meta: bytes
    key_file: bytes
    key_challenge: bytes
    printed: str
    pin: str
    qr: str


class HeldCard:
    """A card to present: each reading raises the chip's counter, which all terminals share.

    It is a terminals.readers.Reader as well, with this card always on it, for what speaks to a card.
    """

    name = "simulated"

    def __init__(self, facts: Facts, counters: MutableSequence[int]) -> None:
        self.facts = facts
        self._counters = counters
        self._chip = Ntag424(
            number=facts.number,
            label="",
            uid=facts.uid,
            keys={1: facts.key_file, 2: facts.key_meta, 3: facts.key_challenge},
            files=personalised_files(URI_BASE),
            count=self._count,
        )

    @property
    def uid(self) -> str:
        """What the air shows, in hex."""
        return self.facts.uid.hex()

    def tap(self) -> messages.SunCard:
        """Read the card's NDEF file as a reader does, APDU by APDU; each call is another reading."""
        self._send(_SELECT_APPLICATION)
        self._send(_SELECT_FILE)
        length = int.from_bytes(self._send(b"\x00\xb0\x00\x00\x02"))
        message = self._send(b"\x00\xb0\x00\x02" + bytes([length]))
        [record] = ndef.message_decoder(message)
        return messages.SunCard(uri=record.iri, entry="tap")

    def tap_to_prove(self) -> Tap:
        """Lay the card down for a challenge: by its message the site knows which card to ask."""
        card = self.tap()
        self._send(_SELECT_APPLICATION)
        return Tap(technology="ntag424", uid=self.uid, uri=card.uri, card=card, at=now())

    def copied_chip(self) -> HeldCard:
        """Give a chip that shows what this one shows, and holds another key for challenges."""
        return HeldCard(dataclasses.replace(self.facts, key_challenge=bytes(16)), self._counters)

    def open(self) -> None:
        """Be there: as a reader's."""

    def close(self) -> None:
        """Be gone: as a reader's."""

    def wait_for_tap(self, *, stop: threading.Event) -> Tap | None:
        """Lay the card down once, whatever `stop` says."""
        return self.tap_to_prove()

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Keep the card where it is: nobody takes it away here."""
        yield

    def transceive(self, command: bytes) -> bytes:
        """Give the chip's answer to an APDU, status word included."""
        return self._chip.answer_command(command)

    def pull_away(self) -> None:
        """Begin a reading and leave the field in the middle: the chip has counted, nobody has the message."""
        self._send(_SELECT_APPLICATION)
        self._send(_SELECT_FILE)
        self._send(b"\x00\xb0\x00\x00\x02")
        self._chip.deactivate()

    def forged(self) -> messages.SunCard:
        """Show what somebody without the card's keys makes up: a message whose MAC is wrong."""
        uri = self.tap().uri
        last = "0" if uri[-1] != "0" else "1"
        return messages.SunCard(uri=uri[:-1] + last, entry="tap")

    def typed(self, pin: str | None = None) -> messages.NumberCard:
        """Type the printed number, with the card's PIN unless another is given."""
        return messages.NumberCard(number=self.facts.printed, pin=pin or self.facts.pin, entry="keyed")

    def typed_with_wrong_pin(self) -> messages.NumberCard:
        """Type the printed number with a PIN that is not the card's."""
        digits = self.facts.pin
        return self.typed(str((int(digits[0]) + 1) % 10) + digits[1:])

    def scanned(self) -> messages.QrCard:
        """Scan the printed code."""
        return messages.QrCard(code=self.facts.qr, entry="scan")

    def copied_uid(self) -> messages.UidCard:
        """Show a cheap tag with this card's UID written into it."""
        return messages.UidCard(uid=self.uid, technology="ntag215", entry="tap")

    def _count(self) -> int:
        self._counters[self.facts.number] += 1
        return self._counters[self.facts.number]

    def _send(self, command: bytes) -> bytes:
        answer = self._chip.answer_command(command)
        assert answer.endswith(_OK), f"the chip refused {command.hex()}: {answer.hex()}"
        return answer[: -len(_OK)]
