"""Interleaved rounds, medians and ratios, and the table that they end in.

Knows numbers only; must not know what they measure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Contender:
    """One way of doing a thing; `measure` does it for about so many seconds and gives how many a second."""

    name: str
    measure: Callable[[float], float]


@dataclass(frozen=True)
class Line:
    """A line of the table: transactions a second, and the ratio to the first contender of the same rounds.

    `beside` is the ratio to another contender of those rounds, where the race names one.
    """

    name: str
    per_second: float
    ratio: float
    lowest: float
    highest: float
    aim: float | None = None
    beside: float | None = None

    @property
    def verdict(self) -> str:
        if self.aim is None:
            return ""
        return f"aim {self.aim:.2f}: " + ("met" if self.ratio >= self.aim else "NOT met")


def race(
    title: str,
    contenders: Sequence[Contender],
    *,
    rounds: int,
    seconds: float,
    aims: dict[str, float] | None = None,
    beside: str | None = None,
) -> list[Line]:
    """Measure contenders in turn, round after round, so that a busy moment of the machine hits all of them.

    The order turns round by round. A ratio is the median over the rounds of the ratios within a round.
    """
    measured: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    for number in range(rounds):
        turn = number % len(contenders)
        for contender in [*contenders[turn:], *contenders[:turn]]:
            measured[contender.name].append(contender.measure(seconds))
        told = ", ".join(f"{name} {values[-1]:,.0f}/s" for name, values in measured.items())
        print(f"  {title}, round {number + 1} of {rounds}: {told}", flush=True)
    lines = []
    for name, values in measured.items():
        ratios = ratios_of(values, measured[contenders[0].name])
        other = median(ratios_of(values, measured[beside])) if beside else None
        aim = (aims or {}).get(name)
        lines.append(
            Line(f"{title}: {name}", median(values), median(ratios), min(ratios), max(ratios), aim, other)
        )
    return lines


def ratios_of(values: Sequence[float], base: Sequence[float]) -> list[float]:
    """Give the ratios round by round."""
    return [value / against for value, against in zip(values, base, strict=True)]


def print_table(lines: Sequence[Line]) -> None:
    """Print the table of ratios."""
    width = max(len(line.name) for line in lines)
    print(f"\n{'':{width}}  {'a second':>9}  {'ratio':>6}  {'lowest - highest':>16}  {'strict':>6}")
    for line in lines:
        spread = f"{line.lowest:.2f} - {line.highest:.2f}"
        strict = "" if line.beside is None else f"{line.beside:.2f}"
        figures = f"{line.per_second:>9,.0f}  {line.ratio:>6.2f}  {spread:>16}  {strict:>6}"
        print(f"{line.name:{width}}  {figures}  {line.verdict}".rstrip())
