"""The few words that drive the simulator, typed or sent: which cards to hold to the reader, and how long.

Knows the words; must not know cards or sockets.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

CARDS_AT_ONCE_MAX = 4
MILLISECONDS_MAX = 600_000
HELP = "tap 1 | tap 1 for 800 (milliseconds) | tap 1 2 (two at once) | away | list | quit"

_TAP = re.compile(r"tap((?: [0-9]{1,6})+)(?: for ([0-9]{1,6}))?", re.ASCII)


class OrderError(Exception):
    """The words are none that the simulator knows."""


@dataclass(frozen=True, slots=True)
class Tap:
    """Hold cards to the reader, until told otherwise or for a while."""

    cards: tuple[int, ...]
    hold_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Away:
    """Take every card away."""


@dataclass(frozen=True, slots=True)
class List:
    """Say which cards there are."""


@dataclass(frozen=True, slots=True)
class Quit:
    """End the simulator."""


Order = Tap | Away | List | Quit
_PLAIN: dict[str, Order] = {
    "away": Away(),
    "take away": Away(),
    "tap away": Away(),
    "list": List(),
    "tap list": List(),
    "quit": Quit(),
    "exit": Quit(),
}


def parse_order(line: str) -> Order:
    """Read one line. Raises OrderError with what can be said instead."""
    words = " ".join(line.lower().replace("tap card ", "tap ").split())
    if words in _PLAIN:
        return _PLAIN[words]
    found = _TAP.fullmatch(words)
    if found is None:
        raise OrderError(f"say one of: {HELP}")
    cards = tuple(dict.fromkeys(int(number) for number in found[1].split()))
    hold_ms = int(found[2]) if found[2] is not None else None
    if len(cards) > CARDS_AT_ONCE_MAX or (hold_ms is not None and not 1 <= hold_ms <= MILLISECONDS_MAX):
        raise OrderError(
            f"at most {CARDS_AT_ONCE_MAX} cards at once, for 1 to {MILLISECONDS_MAX} milliseconds"
        )
    return Tap(cards, hold_ms)
