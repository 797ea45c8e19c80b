"""The field of a reader: which cards are held in it, and what answers a frame.

Knows cards by their letter and answers; must not know drivers, sockets or files.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

WAKE_FRAMES = (b"\x26", b"\x52")
POLLING_PREFIX = b"\x06\x00"


class VirtualCard(Protocol):
    """A card that answers frames; `letter` is its kind of air interface, A or F."""

    letter: str
    technology: str
    number: int
    label: str
    uid: bytes

    def power_off(self) -> None:
        """Lose the field, and with it everything that is not kept for good."""

    def answer(self, bitrate: str, frame: bytes) -> bytes | None:
        """Answer one frame without checksums; None where the card stays silent."""


class Collision(Exception):
    """Several cards answered at once, and differently: the reader hears neither."""


class Field:
    """The cards that a reader has before it."""

    def __init__(self, cards: Iterable[VirtualCard] = ()) -> None:
        self.cards: list[VirtualCard] = list(cards)

    def put(self, *cards: VirtualCard) -> None:
        """Hold these cards, and no others, to the reader."""
        self.clear()
        self.cards = list(cards)

    def clear(self) -> None:
        """Take every card away."""
        self.power_off()
        self.cards = []

    def power_off(self) -> None:
        """Switch the field off and on: every card begins anew."""
        for card in self.cards:
            card.power_off()

    def answer(self, bitrate: str, frame: bytes) -> bytes | None:
        """Give what the cards answer; None when none does. Raises Collision."""
        answers = {card.answer(bitrate, frame) for card in self.cards} - {None}
        if len(answers) > 1:
            raise Collision
        return answers.pop() if answers else None


def is_sensing(bitrate: str, frame: bytes) -> bool:
    """Tell whether a frame looks for cards rather than speaking to one."""
    return frame in WAKE_FRAMES if bitrate.endswith("A") else frame.startswith(POLLING_PREFIX)
