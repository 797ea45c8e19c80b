"""The hand that holds virtual cards to the reader: it moves as a person's does, never between two polls.

Knows the field and when the reader looked; must not know sockets.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from terminals.simulator.field import Field, VirtualCard

# A reader that takes a missed poll for a card at the edge of its field must see it empty this often.
EMPTY_POLLS_BEFORE_TAP = 4
# A reader that has not looked for so long is busy or gone, and no card waits for it.
QUIET_S = 1.5

Say = Callable[[str], object]


class Hand:
    """Puts cards down and takes them away; what is due later happens in `move`."""

    def __init__(
        self,
        field: Field,
        clock: Callable[[], float] = time.monotonic,
        *,
        empty_polls_before_tap: int = EMPTY_POLLS_BEFORE_TAP,
    ) -> None:
        """`empty_polls_before_tap` is 0 where each card meets a reader that was opened for it alone."""
        self._field = field
        self._clock = clock
        self._empty_polls_before_tap = self._empty_polls = empty_polls_before_tap
        self._polled_at = 0.0
        self._waiting: tuple[list[VirtualCard], float | None, Say] | None = None
        self._leaves_at: float | None = None

    def put(self, cards: Sequence[VirtualCard], hold_s: float | None, placed: Say) -> None:
        """Hold these cards to the reader, once it saw the field empty; `placed` then hears of it."""
        self.take_away()
        self._waiting = (list(cards), hold_s, placed)
        self.move()

    def take_away(self) -> None:
        """Take everything away, and forget what was about to be put down."""
        if self._field.cards:
            self._empty_polls = 0
        self._field.clear()
        self._leaves_at = None
        if self._waiting is not None:
            _, _, placed = self._waiting
            self._waiting = None
            placed("")

    def note_poll(self) -> None:
        """Hear that the reader looked for cards."""
        self._polled_at = self._clock()
        if not self._field.cards:
            self._empty_polls += 1

    def move(self) -> None:
        """Do what is due now."""
        now = self._clock()
        if self._leaves_at is not None and now >= self._leaves_at:
            self.take_away()
        if self._waiting is None:
            return
        cards, hold_s, placed = self._waiting
        is_quiet = now - self._polled_at > QUIET_S
        if self._empty_polls < self._empty_polls_before_tap and not is_quiet:
            return
        self._waiting = None
        self._field.put(*cards)
        self._leaves_at = None if hold_s is None else now + hold_s
        placed(" and ".join(described(card) for card in cards))

    def is_waiting(self) -> bool:
        """Tell whether something is due later."""
        return self._waiting is not None or self._leaves_at is not None


def described(card: VirtualCard) -> str:
    """Name a card for a person."""
    return f"card {card.number}" + (f" ({card.label})" if card.label else "")
