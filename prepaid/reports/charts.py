"""Where the bars and lines of a chart stand: plain numbers for an SVG drawn by a template.

Knows geometry; must not know what is shown or its colours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, log10

BAR_SHARE = 0.72
SPARK_WIDTH, SPARK_HEIGHT = 100, 32


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar; `series` counts from 1."""

    series: int
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Group:
    """The bars of one day or week, and the band of the chart that is theirs."""

    x: float
    width: float
    middle: float
    bars: list[Bar]


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart of grouped bars; `ticks` are (value, y)."""

    width: int
    height: int
    left: int
    bottom: float
    zero: float
    groups: list[Group]
    ticks: list[tuple[int, float]]


def grouped_bars(
    values: Sequence[Sequence[int]], *, width: int, height: int, left: int, below: int = 28, unit: int = 1
) -> Chart:
    """Place the bars of each group side by side above (or, when negative, below) a common zero.

    `unit` is what a tick is a whole multiple of; `left` and `below` are kept free for labels.
    """
    everything = [value for group in values for value in group]
    low, high, step = scale(min(everything, default=0), max(everything, default=0), unit=unit)
    plot = height - below - 8

    def y(value: int) -> float:
        return round(8 + plot * (high - value) / (high - low), 1)

    band = (width - left) / max(len(values), 1)
    groups = []
    for number, group in enumerate(values):
        x = left + number * band
        each = band * BAR_SHARE / max(len(group), 1)
        bars = [
            Bar(
                series=series + 1,
                x=round(x + band * (1 - BAR_SHARE) / 2 + series * each, 1),
                y=min(y(value), y(0)),
                width=round(each * 0.94, 1),
                height=round(abs(y(value) - y(0)), 1),
            )
            for series, value in enumerate(group)
        ]
        groups.append(Group(x=round(x, 1), width=round(band, 1), middle=round(x + band / 2, 1), bars=bars))
    ticks = [(value, y(value)) for value in range(low, high + 1, step)]
    return Chart(width, height, left, bottom=8 + plot, zero=y(0), groups=groups, ticks=ticks)


def scale(lowest: int, highest: int, *, unit: int = 1) -> tuple[int, int, int]:
    """Give round bounds that hold zero and both values, and a round step between ticks (at most 6)."""
    span = max(highest, 0) - min(lowest, 0)
    power = 10 ** max(floor(log10(max(span / unit, 1))) - 1, 0)
    factor = next(f for f in (1, 2, 5, 10, 20, 25, 50, 100) if f * power * unit * 4 >= span)
    step = factor * power * unit
    low = min(lowest, 0) // step * step
    high = max(-(-max(highest, 0) // step) * step, low + step)
    return low, high, step


def sparkline(values: Sequence[int]) -> tuple[str, str]:
    """Give the points of a line and the path of the area below it, in a box of 100 by 32."""
    if len(values) < 2:
        values = [*values, *values] or [0, 0]
    low, high = min(values), max(values)
    points = [
        f"{SPARK_WIDTH * number / (len(values) - 1):.1f},"
        f"{SPARK_HEIGHT - 2 - (SPARK_HEIGHT - 4) * (value - low) / ((high - low) or 1):.1f}"
        for number, value in enumerate(values)
    ]
    line = " ".join(points)
    return line, f"M0,{SPARK_HEIGHT} L{' L'.join(points)} L{SPARK_WIDTH},{SPARK_HEIGHT} Z"
