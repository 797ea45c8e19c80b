"""How a card return is reckoned, each way as its article says: exact fractions, rounded once at the end.

Knows arithmetic and its working in both languages; must not know a database, nor which way applies where.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from math import floor

from prepaid.money import Money, format_amount, format_percent
from prepaid.stored_value.quotes.facts import Facts, Load

PPM = 1_000_000
DAYS_A_YEAR = 365


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a working, in each language."""

    en: str
    zh: str


# What the ledger of one card cannot know.
ONLY_IF_NEW = Line(
    "Only if the card holder had not received the same goods or services before.",
    "仅限此前未从经营者处获得过相同商品或者服务的。",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reckoned:
    """What one way gives: exact minor units, not below zero; its working; the loads that it settles."""

    exact: Fraction
    lines: tuple[Line, ...]
    settles: tuple[Load, ...]

    @property
    def refund_minor(self) -> int:
        """Give the amount that is paid, rounded half up."""
        return round_half_up(self.exact)


def round_half_up(exact: Fraction) -> int:
    """Round to whole minor units; a half goes to the card holder. Source: ADR 0047."""
    return floor(exact + Fraction(1, 2))


def at_the_discount(facts: Facts) -> Reckoned:
    """Reckon for a cause not the card holder's: what was consumed of each load, at its own gift ratio.

    Source: Fa Shi [2025] No. 4, art. 18.
    """
    write, lines, left = _writer(facts), [], Fraction(0)
    for load in facts.loads:
        ratio = _ratio(load)
        priced = load.consumed_minor * ratio
        left += load.paid_minor - priced
        lines.append(write.paid(load))
        if load.consumed_minor and load.bonus_minor:
            lines.append(
                Line(
                    f"Consumed at the gift ratio: {write.amount(load.consumed_minor)} × "
                    f"{write.amount(load.paid_minor)} / {write.amount(load.paid_minor + load.bonus_minor)} "
                    f"= {write.exact(priced)}",
                    f"已消费按赠送比例折算：{write.amount(load.consumed_minor)} × "
                    f"{write.amount(load.paid_minor)} / {write.amount(load.paid_minor + load.bonus_minor)} "
                    f"= {write.exact(priced)}",
                )
            )
        elif load.consumed_minor:
            lines.append(write.consumed(load.consumed_minor))
    return _closed(facts, left, lines)


def undiscounted(facts: Facts) -> Reckoned:
    """Reckon for the card holder's own cause: what was paid, less all that was consumed at face value.

    Source: Fa Shi [2025] No. 4, art. 19.
    """
    write = _writer(facts)
    lines = [write.paid(load) for load in facts.loads]
    lines.append(write.consumed(facts.consumed_minor))
    return _closed(facts, Fraction(facts.paid_minor - facts.consumed_minor), lines)


def paid_bucket(facts: Facts, *, only_if: Line | None = None) -> Reckoned:
    """Reckon what is left of what was paid, in the order in which the card consumed it.

    `only_if` is a condition that a person has to see to; it stands first in the working.
    """
    write = _writer(facts)
    left = sum(load.paid_left_minor for load in facts.loads)
    lines = [
        Line(
            f"Left of {write.amount(load.paid_minor)} paid on {load.loaded_on}: "
            f"{write.amount(load.paid_left_minor)}",
            f"{load.loaded_on} 实付 {write.amount(load.paid_minor)}，余 {write.amount(load.paid_left_minor)}",
        )
        for load in facts.loads
        if load.paid_minor
    ]
    if only_if is not None:
        lines.insert(0, only_if)
    lines.append(write.refund(Fraction(left)))
    return Reckoned(exact=Fraction(left), lines=tuple(lines), settles=facts.loads)


def by_time(facts: Facts) -> Reckoned | None:
    """Reckon by the days left of each load's validity; the day of the return is used up.

    None where a load has no end.
    """
    if not facts.loads or any(load.expires_on is None for load in facts.loads):
        return None
    write, lines, left = _writer(facts), [], Fraction(0)
    for load in facts.loads:
        assert load.expires_on is not None, "a load without an end was sorted out above"
        days = (load.expires_on - load.loaded_on).days + 1
        days_left = min(max((load.expires_on - facts.on).days, 0), days)
        part = Fraction(load.paid_minor * days_left, max(days, 1))
        left += part
        lines.append(
            Line(
                f"Paid {write.amount(load.paid_minor)} on {load.loaded_on}, valid to {load.expires_on}: "
                f"× {days_left} of {days} days = {write.exact(part)}",
                f"{load.loaded_on} 实付 {write.amount(load.paid_minor)}，有效至 {load.expires_on}："
                f"× 剩余 {days_left}/{days} 天 = {write.exact(part)}",
            )
        )
    return _closed(facts, left, lines)


def cooling_off(facts: Facts, *, days: int) -> Reckoned:
    """Reckon the whole principal of what was paid within the last days and not used, nothing bought before.

    The day of payment is day 0: what was paid 7 days ago is still within 7 days. Source: Fa Shi [2025] No. 4.
    """
    write, lines, settled = _writer(facts), [], []
    for load in facts.loads:
        if load.loaded_on + timedelta(days=days) < facts.on or not load.paid_minor:
            continue
        paid = write.paid(load)
        if load.consumed_minor:
            lines.append(Line(f"{paid.en}: not whole, for it was used", f"{paid.zh}：已消费，不适用全额返还"))
        elif not load.may_cool_off:
            lines.append(
                Line(
                    f"{paid.en}: not, for something was bought before it, or it was moved here",
                    f"{paid.zh}：此前已获得过商品或者服务，或由他卡转入，不适用",
                )
            )
        else:
            settled.append(load)
            lines.append(paid)
    if settled:
        lines.append(ONLY_IF_NEW)
    principal = Fraction(sum(load.paid_minor - load.returned_minor for load in settled))
    if not lines:
        lines.append(Line(f"Nothing was paid within the last {days} days.", f"最近 {days} 天内无付款。"))
    lines.append(write.refund(principal))
    return Reckoned(exact=principal, lines=tuple(lines), settles=tuple(settled))


def interest(
    refund_minor: int, *, currency: str, rate_ppm: int, since: date, until: date
) -> tuple[int, Line]:
    """Reckon simple interest for the days between two dates, 365 to a year, rounded half up. Minor units."""
    days = max((until - since).days, 0)
    exact = Fraction(refund_minor * rate_ppm * days, PPM * DAYS_A_YEAR)
    due = round_half_up(exact)
    amount = format_amount(Money(refund_minor, currency))
    due_shown = format_amount(Money(due, currency))
    working = f"{amount} × {format_percent(rate_ppm)} × {days} / {DAYS_A_YEAR} = {due_shown}"
    return due, Line(f"Interest from {since} to {until}: {working}", f"利息（{since} 至 {until}）：{working}")


def in_all(total_minor: int, currency: str) -> Line:
    """Write what refund and interest make together."""
    total = format_amount(Money(total_minor, currency))
    return Line(f"In all: {total}", f"合计：{total}")


def _ratio(load: Load) -> Fraction:
    total = load.paid_minor + load.bonus_minor
    return Fraction(load.paid_minor, total) if total else Fraction(1)


def _closed(facts: Facts, left: Fraction, lines: list[Line]) -> Reckoned:
    """Take off what was paid out before, stop at zero, and write the last lines."""
    write = _writer(facts)
    if facts.returned_minor:
        left -= facts.returned_minor
        lines.append(
            Line(
                f"Paid out before: {write.amount(facts.returned_minor)}",
                f"此前已退：{write.amount(facts.returned_minor)}",
            )
        )
    if left < 0:
        lines.append(
            Line(
                f"{write.exact(left)} is below zero: nothing is refunded, and nothing is owed",
                f"{write.exact(left)} 低于零：不退款，也无须补交",
            )
        )
        left = Fraction(0)
    lines.append(write.refund(left))
    return Reckoned(exact=left, lines=tuple(lines), settles=facts.loads)


@dataclass(frozen=True, slots=True)
class _Writer:
    currency: str

    def amount(self, amount_minor: int) -> str:
        return format_amount(Money(amount_minor, self.currency))

    def exact(self, amount: Fraction) -> str:
        """Write an amount; one that is no whole number of minor units as nearly as it is rounded."""
        about = "" if amount.denominator == 1 else "≈ "
        return f"{about}{self.amount(round_half_up(amount))}"

    def paid(self, load: Load) -> Line:
        if not load.bonus_minor:
            return Line(
                f"Paid {self.amount(load.paid_minor)} on {load.loaded_on}",
                f"{load.loaded_on} 实付 {self.amount(load.paid_minor)}",
            )
        return Line(
            f"Paid {self.amount(load.paid_minor)} + gift {self.amount(load.bonus_minor)} on {load.loaded_on}",
            f"{load.loaded_on} 实付 {self.amount(load.paid_minor)}，赠送 {self.amount(load.bonus_minor)}",
        )

    def consumed(self, amount_minor: int) -> Line:
        shown = self.amount(amount_minor)
        return Line(f"Consumed at face value: {shown}", f"已消费（原价）：{shown}")

    def refund(self, exact: Fraction) -> Line:
        rounded = self.amount(round_half_up(exact))
        if exact.denominator == 1:
            return Line(f"Refund: {rounded}", f"应退：{rounded}")
        return Line(f"Refund, rounded half up: {rounded}", f"应退（四舍五入）：{rounded}")


def _writer(facts: Facts) -> _Writer:
    return _Writer(facts.currency)
