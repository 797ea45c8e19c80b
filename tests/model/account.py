"""One account as the documents tell it, in plain integers: lots, what is held of them, and what is counted.

Knows no SQL and no call of the product: it is what they are compared with. Minor units.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Terms:
    """The terms of a program. A limit that is not named does not stand; the holder's count over accounts."""

    limits: dict[str, int]
    order: str = "bonus_first"
    months: int | None = 1
    tolerance_percent: int = 10
    moves_to: str = "any"
    reactivates: bool = True
    # Offers: pay so much, and get these parts, a day apart, each good for so many days.
    offers: tuple[tuple[int, tuple[int, ...], int | None], ...] = ()
    # The rule set: a field, what it says, and the day from which on it says so.
    rules: tuple[tuple[str, int | bool | dict[str, int], date], ...] = ()

    def rule(self, name: str, today: date) -> Any:
        """Give what the latest rule in force says of a field; None where there is none."""
        said = [(since, value) for field, value, since in self.rules if field == name and since <= today]
        return max(said, key=lambda one: one[0])[1] if said else None

    def limit(self, name: str) -> int:
        """Give a limit, or more than anything reaches."""
        return self.limits.get(name, 10**15)

    def valid_until(self, today: date) -> date | None:
        """Give the last day of value that is paid today: the same day so many months later, or its last."""
        if self.months is None:
            return None
        months = today.year * 12 + today.month - 1 + self.months
        year, month = months // 12, months % 12 + 1
        return date(year, month, min(today.day, monthrange(year, month)[1]))

    def best_offer(self, amount: int) -> tuple[tuple[int, ...], int | None]:
        """Give the parts of the largest bonus that a load earns, and how long each is good."""
        earned = [(sum(parts), parts, days) for pay, parts, days in self.offers if pay <= amount]
        return max(earned, key=lambda one: one[0])[1:] if earned else ((), None)


@dataclass
class Counter:
    """What was loaded and redeemed on a day and in its month."""

    day: date = date.min
    loads: int = 0
    loaded: int = 0
    loaded_month: int = 0
    redeemed: int = 0
    redeemed_month: int = 0

    def begin(self, today: date) -> None:
        """Begin a later day with nothing, and a later month."""
        if today > self.day:
            if (today.year, today.month) > (self.day.year, self.day.month):
                self.loaded_month = self.redeemed_month = 0
            self.day, self.loads, self.loaded, self.redeemed = today, 0, 0, 0

    def on(self, today: date) -> Counter:
        """Give it as it stands on a day, and leave it as it is."""
        now = Counter(
            self.day, self.loads, self.loaded, self.loaded_month, self.redeemed, self.redeemed_month
        )
        now.begin(today)
        return now

    def count(self, *, loads: int = 0, loaded: int = 0, redeemed: int = 0) -> None:
        """Count what happens now: where another store's day has begun already, for that day."""
        self.give_back(self.day, loads=loads, loaded=loaded, redeemed=redeemed)

    def give_back(self, of_day: date, *, loads: int = 0, loaded: int = 0, redeemed: int = 0) -> None:
        """Count what changes of an earlier day, as far as that day or its month is still counted."""
        if of_day == self.day:
            self.loads += loads
            self.loaded += loaded
            self.redeemed += redeemed
        if (of_day.year, of_day.month) == (self.day.year, self.day.month):
            self.loaded_month += loaded
            self.redeemed_month += redeemed

    def figures(self) -> tuple[date, int, int, int, int, int]:
        """List what it counts, in the order in which the ledger's columns stand."""
        return (self.day, self.loads, self.loaded, self.loaded_month, self.redeemed, self.redeemed_month)


@dataclass
class Lot:
    """A lot, open while something is left; `gone` is what expiry took off, until it is reactivated.

    One that is `lent` came of a shortfall.
    """

    no: int
    bonus: bool
    left: int
    until: date | None
    gone: int = 0
    lent: bool = False

    def good_on(self, day: date) -> bool:
        """Say whether it may be spent on a day."""
        return self.until is None or self.until >= day


@dataclass
class Reserved:
    """An amount of an account that is held, and the day since when."""

    amount: int
    placed_on: date


Legs = list[tuple[int, int]]


@dataclass
class Account:
    """An account: every lot it ever had, the open holds, and the counters of its limits."""

    terms: Terms
    holder: Counter
    lots: dict[int, Lot] = field(default_factory=dict)
    reserved: list[Reserved] = field(default_factory=list)
    counter: Counter = field(default_factory=Counter)
    # What it owes for shortfalls.
    owed: int = 0

    @property
    def balance(self) -> int:
        return sum(lot.left for lot in self.lots.values())

    @property
    def held(self) -> int:
        return sum(one.amount for one in self.reserved)

    def in_order(self) -> list[Lot]:
        """List the open lots as they are consumed: by kind, then the earliest expiry, then the oldest."""
        bonus_first = self.terms.order != "paid_first"
        return sorted(
            (lot for lot in self.lots.values() if lot.left),
            key=lambda lot: (lot.bonus != bonus_first, lot.until or date.max, lot.no),
        )

    def good(self, day: date, *, bonus: bool | None = None) -> int:
        """Add up what may be spent on a day, of one kind or of both."""
        lots = self.lots.values()
        return sum(lot.left for lot in lots if lot.good_on(day) and bonus in (None, lot.bonus))

    def room(self, day: date, *, without: Reserved | None = None) -> int:
        """Give the most that lots good on a day can give, so that each hold can still be captured whole.

        A hold uses lots that were good on its own day. So on each day that a hold was placed, what was good
        then must cover all that was placed since. A capture takes what expires first, and reaches the lots
        that a later day's holds can use last; anything else may take them first.
        """
        holds = [one for one in self.reserved if one is not without]
        room = self.good(day)
        for since in {one.placed_on for one in holds} | {day}:
            if without is None or since <= day:
                needed = sum(one.amount for one in holds if one.placed_on >= since)
                room = min(room, self.good(since) - needed)
        return max(room, 0)

    def holds_are_covered(self) -> bool:
        """Say whether every hold can be captured whole."""
        return all(
            self.good(since) >= sum(one.amount for one in self.reserved if one.placed_on >= since)
            for since in {one.placed_on for one in self.reserved}
        )

    def make(
        self, amount: int, until: date | None, *, bonus: bool = False, lent: bool = False
    ) -> tuple[int, int]:
        """Open a new lot and give its number and amount."""
        no = len(self.lots) + 1
        self.lots[no] = Lot(no, bonus, amount, until, lent=lent)
        return no, amount

    def lend(self, amount: int) -> tuple[int, int]:
        """Lend what is lacking, as a lot that is spent at once, and owe it."""
        self.owed += amount
        lent = self.make(amount, None, lent=True)
        self.lots[lent[0]].left = 0
        return lent

    def recover(self, today: date) -> None:
        """Pay what is owed of what is available: what was lent first, then in order."""
        amount = min(self.owed, self.room(today))
        good = [lot for lot in self.in_order() if lot.good_on(today)]
        self._take_of(sorted(good, key=lambda lot: not lot.lent), amount, [])
        self.owed -= amount

    def take(self, amount: int, today: date, *, since: date | None = None) -> Legs:
        """Spend an amount: first what expired since a hold, the first to expire first; then in order."""
        legs: Legs = []
        if since is not None:
            over = [lot for lot in self.lots.values() if lot.left and not lot.good_on(today)]
            usable = sorted((lot for lot in over if lot.good_on(since)), key=lambda lot: (lot.until, lot.no))
            amount -= self._take_of(usable, amount, legs)
        good = [lot for lot in self.in_order() if lot.good_on(today)]
        if self.terms.order != "proportional" or not amount:
            self._take_of(good, amount, legs)
            return legs
        bonus = [lot for lot in good if lot.bonus]
        of_bonus = amount * sum(lot.left for lot in bonus) // sum(lot.left for lot in good)
        self._take_of(bonus, of_bonus, legs)
        self._take_of([lot for lot in good if not lot.bonus], amount - of_bonus, legs)
        return legs

    def take_of_kind(self, amount: int, today: date, *, bonus: bool) -> Legs:
        """Take an amount from paid or from bonus lots alone, in order."""
        legs: Legs = []
        self._take_of(
            [lot for lot in self.in_order() if lot.bonus == bonus and lot.good_on(today)], amount, legs
        )
        return legs

    def _take_of(self, lots: Iterable[Lot], amount: int, legs: Legs) -> int:
        left = amount
        for lot in lots:
            part = min(lot.left, left)
            if part:
                lot.left -= part
                left -= part
                legs.append((lot.no, part))
        return amount - left

    def give_back(self, legs: Legs) -> None:
        """Put value back into the very lots that it came from."""
        for no, amount in legs:
            self.lots[no].left += amount

    def take_back(self, legs: Legs) -> str | None:
        """Take value out of the very lots that it went to, or nothing at all: then say why."""
        asked: dict[int, int] = {}
        for no, amount in legs:
            asked[no] = asked.get(no, 0) + amount
        if any(self.lots[no].left < amount for no, amount in asked.items()):
            return "insufficient_funds"
        for no, amount in legs:
            self.lots[no].left -= amount
        if not self.holds_are_covered():
            self.give_back(legs)
            return "insufficient_because_of_hold"
        return None
