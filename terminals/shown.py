"""Everything that the terminal's screen shows, as plain values.

Knows what there is to show; must not know what changes it, nor how it looks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

from terminals import messages
from terminals.amounts import Language, parse_amount
from terminals.batches import ClosedBatch
from terminals.errors import AmountError
from terminals.examination import Finding
from terminals.journal import Entry
from terminals.keying import Keying
from terminals.pin_entry import PinEntry
from terminals.results import Result

Mode = Literal["redeem", "load", "balance", "hold"]
Question = Literal["void", "cancel", "close", "park", "quit", "capture", "release"]
# The key beside each on the screen.
MODES: dict[Mode, str] = {"redeem": "F1", "load": "F2", "balance": "F3", "hold": "H"}


@dataclass
class Shown:
    """Everything that the screen shows."""

    language: Language
    # What is typed: the store's money, or a unit that cards count in its place.
    currency: str
    money: str
    mode: Mode = "redeem"
    typed: str = ""
    is_armed: bool = False
    working: str | None = None
    question: Question | None = None
    hint: str = ""
    result: Result | None = None
    batch: ClosedBatch | None = None
    findings: list[Finding] | None = None
    last: list[Entry] = field(default_factory=list)
    queue: messages.QueueState = field(default_factory=lambda: messages.QueueState(count=0, amount=0))
    exposure: messages.QueueState = field(default_factory=lambda: messages.QueueState(count=0, amount=0))
    torn: Entry | None = None
    # The torn exchange whose outcome could not be found out: its card may be tapped again, to resume it.
    tried: UUID | None = None
    unknown: int = 0
    undoable: Entry | None = None
    held: Entry | None = None
    reader_name: str = ""
    reader_code: str | None = None
    card_code: str = ""
    scanner_code: str | None = None
    keying: Keying | None = None
    pin: PinEntry | None = None
    is_pin_typed: bool = False
    site_code: str | None = None
    is_locked: bool = False
    is_ended: bool = False


def capture_minor(shown: Shown) -> int | None:
    """Give what is typed to be spent from the last hold, in its minor units; None where nothing fits it."""
    try:
        return parse_amount(
            shown.typed.removesuffix("."), (shown.held and shown.held.currency) or shown.money
        )
    except AmountError:
        return None
