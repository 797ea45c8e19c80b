"""Where bars, ticks and lines stand."""

from __future__ import annotations

import pytest

from prepaid.reports.charts import grouped_bars, scale, sparkline


@pytest.mark.parametrize(
    ("lowest", "highest", "bounds"),
    [
        (0, 0, (0, 100, 100)),
        (0, 5, (0, 100, 100)),
        (0, 13_000, (0, 15_000, 5_000)),
        (0, 585_300, (0, 600_000, 200_000)),
        (-2_000, 950_000, (-250_000, 1_000_000, 250_000)),
        (-900, -100, (-1_000, 0, 500)),
        (0, 10**14, (0, 10**14, 5 * 10**13)),
    ],
)
def test_scale_is_round_and_holds_zero_and_both_values(
    lowest: int, highest: int, bounds: tuple[int, int, int]
) -> None:
    low, high, step = scale(lowest, highest, unit=100)

    assert (low, high, step) == bounds
    assert low <= min(lowest, 0)
    assert high >= max(highest, 0)
    assert 1 <= (high - low) // step <= 6


def test_bars_stand_side_by_side_on_zero_and_negative_ones_hang() -> None:
    chart = grouped_bars([(100, 50), (0, -50)], width=240, height=236, left=40, below=28)

    (first, second), (third, fourth) = (group.bars for group in chart.groups)
    assert (chart.zero, chart.bottom) == pytest.approx((141.3, 208))
    assert (first.y, first.y + first.height) == pytest.approx((8, chart.zero))
    assert second.height == pytest.approx(first.height / 2, abs=0.1)
    assert third.height == 0
    assert (fourth.y, fourth.y + fourth.height) == pytest.approx((chart.zero, 208))
    assert first.x + first.width < second.x < second.x + second.width < chart.groups[1].x < third.x
    assert [value for value, _ in chart.ticks] == [-50, 0, 50, 100]


def test_chart_of_nothing_has_a_scale_all_the_same() -> None:
    chart = grouped_bars([], width=200, height=100, left=40)
    assert (chart.groups, len(chart.ticks)) == ([], 2)


def test_sparkline_spans_the_box() -> None:
    line, area = sparkline([1, 5, 3])

    assert line == "0.0,30.0 50.0,2.0 100.0,16.0"
    assert area == "M0,32 L0.0,30.0 L50.0,2.0 L100.0,16.0 L100,32 Z"


@pytest.mark.parametrize("values", [[], [7], [7, 7, 7]])
def test_sparkline_of_nothing_new_is_flat(values: list[int]) -> None:
    line, _ = sparkline(values)
    assert {point.split(",")[1] for point in line.split()} == {"30.0"}
