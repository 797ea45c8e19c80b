"""What the ledger should do, told once more in plain Python: the model that the database is compared with.

Knows one account of one program. Minor units. Every method gives the reason for a decline, or None.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from uuid import UUID

LIMITS = {
    "redeem_single_max": 5_000,
    "redeem_day_max": 9_000,
    "redeem_month_max": 25_000,
    "load_single_max": 20_000,
    "load_day_max": 30_000,
    "load_month_max": 70_000,
    "loads_day_max": 6,
    "balance_max": 40_000,
}
# Pay so much, get so much in three parts, a day apart, each good for five days.
PAY_MIN, BONUS_PARTS, BONUS_DAYS = 4_000, (33, 33, 34), 5
TAKING, GIVING = ("redeem", "capture"), ("load", "refund")


@dataclass
class Done:
    """A transaction as it was decided: `legs` are the lots it took from or gave to."""

    kind: str
    reason: str | None
    amount: int = 0
    legs: dict[int, int] = field(default_factory=dict)
    original: UUID | None = None
    expires_at: datetime | None = None
    undone: bool = False
    resolution: str | None = None
    placed_on: date = date.min
    parts: list[Part] = field(default_factory=list)


@dataclass
class Part:
    """A part of a load's bonus: `lot` once it is paid."""

    amount: int
    due_on: date
    lot: int | None = None
    cancelled: bool = False


@dataclass
class Model:
    """An account: open lots as number -> [remaining, expiry], transactions by id, the day's counters."""

    now: datetime
    months: int
    state: str = "active"
    lots: dict[int, list[int | date]] = field(default_factory=dict)
    lot_count: int = 0
    held: int = 0
    done: dict[UUID, Done] = field(default_factory=dict)
    day: date = date.min
    loads: int = 0
    loaded: int = 0
    loaded_month: int = 0
    redeemed: int = 0
    redeemed_month: int = 0

    @property
    def today(self) -> date:
        return (self.now + timedelta(hours=8)).date()

    @property
    def balance(self) -> int:
        return sum(remaining for remaining, _ in self.lots.values())  # type: ignore[misc]

    @property
    def spendable(self) -> int:
        return self.good_on(self.today)

    def good_on(self, day: date) -> int:
        return sum(remaining for remaining, until in self.lots.values() if until >= day)  # type: ignore

    def open_holds(self) -> list[Done]:
        return [
            one for one in self.done.values() if one.kind == "hold" and not one.reason and not one.resolution
        ]

    def available(self, hold: Done | None = None) -> int:
        """Give what may be spent today, or captured of a hold: every other hold must stay capturable."""
        on = min(hold.placed_on, self.today) if hold else self.today
        others = [one for one in self.open_holds() if one is not hold]
        bounds = [self.good_on(on)]
        for day in {one.placed_on for one in others}:
            reserved = sum(one.amount for one in others if one.placed_on >= day)
            bounds.append(self.good_on(min(day, on)) - reserved)
        return max(min(bounds), 0)

    def holds_are_covered(self) -> bool:
        return all(
            self.good_on(day) >= sum(one.amount for one in self.open_holds() if one.placed_on >= day)
            for day in {one.placed_on for one in self.open_holds()}
        )

    def begin_day(self) -> None:
        """Begin the day's counters and the month's, as each posting does."""
        if self.today > self.day:
            if self.today.replace(day=1) > self.day.replace(day=1):
                self.loaded_month, self.redeemed_month = 0, 0
            self.day, self.loads, self.loaded, self.redeemed = self.today, 0, 0, 0

    def counted(self) -> Model:
        """Give the counters as they stand today, without beginning the day."""
        now = replace(self)
        now.begin_day()
        return now

    def count_back(self, kind: str, amount: int, of_day: date) -> None:
        """Take back what was counted on a day, as far as its day and month are still counted."""
        today, month = of_day == self.day, of_day.replace(day=1) == self.day.replace(day=1)
        if kind == "load":
            self.loads -= today
            self.loaded -= amount * today
            self.loaded_month -= amount * month
        else:
            self.redeemed -= amount * today
            self.redeemed_month -= amount * month

    def refuse_spending(self, amount: int) -> str | None:
        """Give the limit that stands against an amount: what is held counts as spent."""
        if amount > LIMITS["redeem_single_max"]:
            return "limit_single"
        now = self.counted()
        over_day = now.redeemed + self.held + amount > LIMITS["redeem_day_max"]
        over_month = now.redeemed_month + self.held + amount > LIMITS["redeem_month_max"]
        return "limit_day" if over_day or over_month else None

    def unusable(self) -> str | None:
        return None if self.state == "active" else "card_blocked"

    def short(self, amount: int, available: int) -> str | None:
        if amount <= available:
            return None
        return "insufficient_because_of_hold" if amount <= self.spendable else "insufficient_funds"

    def take(self, amount: int, since: date | None = None) -> dict[int, int]:
        """Take what expired since a hold, first to expire first; then bonus first, earliest, oldest."""
        legs: dict[int, int] = {}

        def place(no: int) -> tuple[bool, bool, object, int]:
            expired = self.lots[no][1] < self.today  # type: ignore[operator]
            return (not expired, no not in self.bonus_lots and not expired, self.lots[no][1], no)

        for no in sorted(self.lots, key=place):
            remaining, until = self.lots[no]
            assert isinstance(remaining, int)
            if amount and until >= (since or self.today):  # type: ignore[operator]
                legs[no] = min(remaining, amount)
                amount -= legs[no]
        self.move(legs, -1)
        return legs

    def move(self, legs: dict[int, int], sign: int, expiries: dict[int, date] | None = None) -> None:
        for no, amount in legs.items():
            lot = self.lots.setdefault(no, [0, (expiries or self.expiries)[no]])
            lot[0] += sign * amount  # type: ignore[operator]
            if lot[0] == 0:
                del self.lots[no]

    expiries: dict[int, date] = field(default_factory=dict)
    bonus_lots: set[int] = field(default_factory=set)

    def make_lot(self, amount: int, expires_on: date) -> int:
        self.lot_count += 1
        self.expiries[self.lot_count] = expires_on
        self.move({self.lot_count: amount}, 1)
        return self.lot_count

    def pay(self, part: Part) -> None:
        self.begin_day()
        part.lot = self.make_lot(part.amount, self.today + timedelta(days=BONUS_DAYS))
        self.bonus_lots.add(part.lot)

    def pay_due(self) -> int:
        """Pay the parts of every bonus that are due, as far as the account may hold them."""
        paid = 0
        parts = [part for done in self.done.values() for part in done.parts]
        for part in sorted(parts, key=lambda part: part.due_on):
            due = part.lot is None and not part.cancelled and part.due_on <= self.today
            if due and self.balance + part.amount <= LIMITS["balance_max"]:
                self.pay(part)
                paid += 1
        return paid

    def expire(self) -> int:
        """Take off what expired, but for what an open hold may still use."""
        since = min((one.placed_on for one in self.open_holds()), default=self.today)
        over = [no for no, (_, until) in self.lots.items() if until < min(since, self.today)]  # type: ignore
        for no in over:
            self.begin_day()
            del self.lots[no]
        return len(over)

    def load(self, key: UUID, amount: int, expires_on: date) -> Done:
        now = self.counted()
        reason = self.unusable()
        if reason is None and amount > LIMITS["load_single_max"]:
            reason = "limit_single"
        if reason is None and (
            now.loaded + amount > LIMITS["load_day_max"]
            or now.loaded_month + amount > LIMITS["load_month_max"]
            or now.loads + 1 > LIMITS["loads_day_max"]
        ):
            reason = "limit_day"
        earned = BONUS_PARTS if amount >= PAY_MIN else ()
        if reason is None and self.balance + amount + sum(earned[:1]) > LIMITS["balance_max"]:
            reason = "limit_balance"
        if reason is None:
            self.begin_day()
            self.loads += 1
            self.loaded += amount
            self.loaded_month += amount
            parts = [Part(part, self.today + timedelta(days=day)) for day, part in enumerate(earned)]
            for part in parts[:1]:
                self.pay(part)
            legs = {self.make_lot(amount, expires_on): amount}
            return self.note(key, Done("load", None, amount, legs, parts=parts))
        return self.note(key, Done("load", reason))

    def redeem(self, key: UUID, amount: int, *, partial: bool) -> Done:
        available = self.available()
        reason = self.unusable() or self.refuse_spending(amount)
        if partial and available > 0:
            amount = min(amount, available)
        reason = reason or self.short(amount, available)
        if reason:
            return self.note(key, Done("redeem", reason))
        self.begin_day()
        self.redeemed += amount
        self.redeemed_month += amount
        return self.note(key, Done("redeem", None, amount, self.take(amount)))

    def hold(self, key: UUID, amount: int, expires_at: datetime) -> Done:
        reason = self.unusable() or self.refuse_spending(amount)
        reason = reason or self.short(amount, self.available())
        if reason is None:
            self.begin_day()
            self.held += amount
            return self.note(key, Done("hold", None, amount, expires_at=expires_at, placed_on=self.today))
        return self.note(key, Done("hold", reason))

    def posted(self, original: UUID) -> Done | None:
        found = self.done.get(original)
        return found if found and found.reason is None and (found.amount or found.kind == "hold") else None

    def capture(self, key: UUID, original: UUID, amount: int) -> Done:
        found = self.posted(original)
        if found is None:
            return self.note(key, Done("capture", "original_unknown"))
        if found.kind != "hold":
            return self.note(key, Done("capture", "original_not_reversible"))
        if found.resolution == "released":
            reason: str | None = "already_reversed"
        elif found.resolution or (found.expires_at and found.expires_at <= self.now):
            reason = "original_not_reversible"
        elif amount > found.amount * 11 // 10:
            reason = "amount_over_original"
        elif amount > self.available(found):
            within = amount <= self.good_on(found.placed_on)
            reason = "insufficient_because_of_hold" if within else "insufficient_funds"
        else:
            reason = None
        if reason:
            return self.note(key, Done("capture", reason))
        found.resolution = "captured"
        self.held -= found.amount
        self.begin_day()
        self.redeemed += amount
        self.redeemed_month += amount
        return self.note(key, Done("capture", None, amount, self.take(amount, found.placed_on), original))

    def release(self, key: UUID, original: UUID) -> Done:
        found = self.posted(original)
        reason = None
        if found is None:
            reason = "original_unknown"
        elif found.kind != "hold" or found.resolution in ("captured", "expired"):
            reason = "original_not_reversible"
        elif found.resolution:
            reason = "already_reversed"
        if reason or found is None:
            return self.note(key, Done("release", reason))
        self.begin_day()
        found.resolution = "released"
        self.held -= found.amount
        return self.note(key, Done("release", None, found.amount, original=original))

    def refunds_of(self, original: UUID) -> list[Done]:
        return [one for one in self.done.values() if one.kind == "refund" and one.original == original]

    def refund(self, key: UUID, original: UUID, amount: int) -> Done:
        found = self.posted(original)
        given = [one for one in self.refunds_of(original) if one.reason is None and not one.undone]
        reason = None
        if found is None:
            reason = "original_unknown"
        elif found.kind not in TAKING:
            reason = "original_not_reversible"
        elif found.undone:
            reason = "already_reversed"
        elif amount + sum(one.amount for one in given) > found.amount:
            reason = "amount_over_original"
        if reason or found is None:
            return self.note(key, Done("refund", reason, original=original))
        legs, left = {}, amount
        for no in reversed(found.legs):
            free = found.legs[no] - sum(one.legs.get(no, 0) for one in given)
            if min(free, left):
                legs[no] = min(free, left)
                left -= legs[no]
        self.move(legs, 1)
        self.begin_day()
        self.count_back("redeem", amount, self.days[original])
        return self.note(key, Done("refund", None, amount, legs, original))

    def undo(self, key: UUID, kind: str, original: UUID) -> Done:
        """Void or reverse; an approved undo of nothing has amount 0."""
        found = self.done.get(original)
        if found is None:
            return self.note(key, Done(kind, "original_unknown" if kind == "void" else None))
        if self.posted(original) is None:
            refused = kind == "void" or found.kind in ("void", "reversal", "release")
            return self.note(key, Done(kind, "original_not_reversible" if refused else None))
        reason = self.refuse_undo(original, found)
        if reason == "already_reversed" and kind == "reversal":
            return self.note(key, Done(kind, None))
        if reason is None and found.kind in GIVING:
            reason = self.take_back(found)
        if reason:
            return self.note(key, Done(kind, reason))
        found.undone = True
        self.begin_day()
        if found.kind == "hold":
            found.resolution = "released"
            self.held -= found.amount
        elif found.kind in TAKING:
            self.move(found.legs, 1)
        if found.kind in TAKING or found.kind == "load":
            self.count_back("load" if found.kind == "load" else "redeem", found.amount, self.days[original])
        elif found.kind == "refund" and found.original is not None:
            self.count_back("redeem", -found.amount, self.days[found.original])
        return self.note(key, Done(kind, None, found.amount, original=original))

    def take_back(self, found: Done) -> str | None:
        """Take back the very lots that it gave, its bonus with it; or nothing, and say why not."""
        legs = found.legs | {part.lot: part.amount for part in found.parts if part.lot is not None}
        if any(self.lots.get(no, [0])[0] < amount for no, amount in legs.items()):  # type: ignore[operator]
            return "insufficient_funds"
        self.move(legs, -1)
        if not self.holds_are_covered():
            self.move(legs, 1)
            return "insufficient_because_of_hold"
        for part in found.parts:
            part.cancelled = part.lot is None
        return None

    def refuse_undo(self, original: UUID, found: Done) -> str | None:
        if found.kind in ("void", "reversal", "release"):
            return "original_not_reversible"
        if found.undone:
            return "already_reversed"
        refunded = any(one.reason is None and not one.undone for one in self.refunds_of(original))
        return "original_not_reversible" if refunded or found.resolution else None

    days: dict[UUID, date] = field(default_factory=dict)

    def note(self, key: UUID, done: Done) -> Done:
        self.done[key] = done
        self.days[key] = self.today
        return done
