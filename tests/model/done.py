"""What the model remembers: cards, where a transaction was asked for, and what was decided about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

from tests.model.account import Legs, Reserved

TAKING = ("redeem", "capture")
UNDOABLE = ("load", "redeem", "hold", "capture", "refund", "move", "cash_out", "card_return")
OF_FUNDS = ("insufficient_funds", "insufficient_because_of_hold")
OF_LIMITS = ("limit_single", "limit_day", "limit_balance")
OF_LAW = ("max_single_load", "max_daily_load", "max_balance")
OF_PIN = ("pin_required", "pin_wrong", "pin_locked")
PIN_TRIES_MAX = 2
STOPPED = {"blocked": "card_blocked", "lost": "card_lost", "closed": "card_closed"}
CHANGES = {
    "block": (("active",), "blocked"),
    "unblock": (("blocked",), "active"),
    "report_lost": (("active", "blocked"), "lost"),
    "recover": (("lost",), "active"),
}
# The hour at which the day of each store begins.
DAYS_BEGIN = (0, 5)


@dataclass(frozen=True)
class Origin:
    """Who asks: the till or the terminal of a store."""

    store: int = 0
    is_till: bool = False


@dataclass(frozen=True)
class Shown:
    """How a card is presented: desk, sun with its counter, or number; whether the PIN is right, or none."""

    card: int
    method: str = "desk"
    counter: int = 0
    pin: bool | None = None

    @property
    def proves(self) -> bool:
        """Say whether the answer may tell a balance: a bare number proves nobody."""
        return self.method != "number" or self.pin is not None


@dataclass
class Card:
    """A card: its account, its state, the highest SUN counter that it showed, and its wrong PINs."""

    account: int
    state: str = "active"
    counter: int = 0
    replaced: bool = False
    failures: int = 0


@dataclass
class Part:
    """A part of a load's bonus; `legs` once it is paid."""

    amount: int
    due_on: date
    days: int | None
    legs: Legs = field(default_factory=list)
    cancelled: bool = False

    @property
    def is_resolved(self) -> bool:
        """Say whether it was paid or cancelled."""
        return bool(self.legs) or self.cancelled


@dataclass
class Done:
    """A transaction as it was decided: what its answer says, and what an undo of it needs to know."""

    kind: str
    reason: str | None = None
    approved: int = 0
    balance: int | None = None
    available: int | None = None
    account: int | None = None
    posted: bool = False
    legs: Legs = field(default_factory=list)
    original: UUID | None = None
    undone: bool = False
    # Who asked for it and when, as every transaction has it; whether its answer told a balance.
    origin: Origin = Origin()
    day: date = date.min
    is_told: bool = True
    # Whether the answer names a rule.
    by_law: bool = False
    # The day for which it was counted for the holder.
    counted_on: date | None = None
    # Of a hold.
    reserved: Reserved | None = None
    expires_at: datetime | None = None
    resolution: str | None = None
    # Of a load.
    parts: list[Part] = field(default_factory=list)
    # Of a move: the account that takes, and its lots. Of what closes cards: those that were active.
    taker: int | None = None
    given: Legs = field(default_factory=list)
    closed: list[int] = field(default_factory=list)
