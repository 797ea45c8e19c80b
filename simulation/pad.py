"""The pad of one terminal: people lay cards on it, and the agent reads them through nfcpy.

Knows nfcpy's UDP path and the simulator's card server, which lives and dies with its terminal; must not know
what a card is wanted for.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, MutableSequence

import terminals.readers.nfcpy  # noqa: F401
from simulation import cards
from simulation.cards import Facts
from terminals.presenting import Presented, T, tapped, wait_for_tap
from terminals.simulator import control
from terminals.simulator.field import VirtualCard
from terminals.simulator.orders import Away
from terminals.simulator.server import CardServer

# A card lies there before the reader is opened, so that it is read at once; on a busy machine, later.
READ_WAIT_S = 60.0
PLACE = 1

# It says of every reading which driver it chose. Its level can be set once it is imported, not before.
logging.getLogger("nfc").setLevel(logging.WARNING)


class Laid:
    """Whatever lies on the pad: the server's one card, with the chip of somebody's card in it."""

    letter, technology, number, label, uid = "A", "any", PLACE, "", b""
    chip: VirtualCard

    def power_off(self) -> None:
        """Lose the field."""
        self.chip.power_off()

    def answer(self, bitrate: str, frame: bytes) -> bytes | None:
        """Answer as the chip does."""
        return self.chip.answer(bitrate, frame)


class Pad:
    """A reader at a UDP path of its own, and the hand of whoever comes to it."""

    def __init__(self, counters: MutableSequence[int]) -> None:
        """`counters` has the read counter of every card, which all terminals share."""
        self._counters = counters
        self._leaves_early = False
        self._laid = Laid()
        line = control.listen(f"{control.LOOPBACK}:0")
        self._control = f"{control.LOOPBACK}:{line.getsockname()[1]}"
        self._server = CardServer(
            [self._laid],
            listen=(control.LOOPBACK, 0),
            control=line,
            say=_say_nothing,
            empty_polls_before_tap=0,
        )
        self.path = f"udp:{control.LOOPBACK}:{self._server.address[1]}"
        threading.Thread(target=self._server.serve, daemon=True).start()

    def present(self, facts: Facts, use: Callable[[Presented], T]) -> T:
        """Lay a card down, give what `use` makes of it while it lies there, and take it away."""
        return self._present(cards.make_chip(facts, count=self._counting(facts), kept=self._touched), use)

    def pull_away(self, facts: Facts, use: Callable[[Presented], T]) -> T:
        """Lay a card down, pull it away in the middle, and lay it down again.

        It leaves as soon as its counter rose or a block was written: the chip knows of it, and nobody heard
        the rest.
        """
        self._leaves_early = True
        return self.present(facts, use)

    def present_copied_chip(self, facts: Facts, use: Callable[[Presented], T]) -> T:
        """Lay down a chip that shows what this card shows, and has another key for challenges."""
        return self._present(cards.copied_chip(facts, count=self._counting(facts)), use)

    def present_copied_uid(self, facts: Facts, use: Callable[[Presented], T]) -> T:
        """Lay down a cheap tag with this card's UID."""
        return self._present(cards.copied_uid(facts), use)

    def present_copied_message(self, facts: Facts, uri: str, use: Callable[[Presented], T]) -> T:
        """Lay down a chip with this card's UID that always shows the same address, overheard or made up."""
        return self._present(cards.copied_message(facts, uri), use)

    def _present(self, chip: VirtualCard, use: Callable[[Presented], T]) -> T:
        chip.power_off()
        self._laid.chip = chip
        self._order(f"tap {PLACE}")
        try:
            used = wait_for_tap(
                self.path,
                wait_s=READ_WAIT_S,
                use=lambda reader, tap: [use(tapped(reader, tap))],
                tell=lambda code, detail: self._order(f"tap {PLACE}"),
                ready=lambda: None,
            )
        finally:
            self._order("away")
        assert used, f"no card was read at {self.path}"
        return used[0]

    def _order(self, words: str) -> None:
        obeyed, answer = control.ask(self._control, words)
        assert obeyed, answer

    def _counting(self, facts: Facts) -> Callable[[], int]:
        def count() -> int:
            self._counters[facts.number] += 1
            self._touched()
            return self._counters[facts.number]

        return count

    def _touched(self) -> None:
        """Pull the card away where somebody is about to; called by the server, between two frames."""
        if self._leaves_early:
            self._leaves_early = False
            self._server.obey(Away(), _say_nothing)


def _say_nothing(text: str) -> None:
    """Hear what a person would watch."""
