"""Lots are taken and put back in their order of consumption, against a model of it in Python."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import pytest
from django.db import DatabaseError, connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.django_db
TODAY = date(2026, 11, 23)
HOLDER, MERCHANT = UUID(int=1), UUID(int=2)
Lot = tuple[int, bool, int, date | None]

expiries = st.sampled_from([None, date(2026, 11, 22), TODAY, date(2026, 12, 31), date(2027, 1, 1)])
lots = st.lists(st.tuples(st.booleans(), st.integers(1, 50_000), expiries), max_size=8).map(
    lambda rows: [(place, *row) for place, row in enumerate(rows, start=1)]
)
every = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def in_order(made: list[Lot], *, bonus_first: bool) -> list[Lot]:
    return sorted(made, key=lambda lot: (lot[1] != bonus_first, lot[3] or date.max, lot[0]))


def literal(made: list[Lot]) -> str:
    dates = ["null" if until is None else f"'{until}'" for _, _, _, until in made]
    rows = ", ".join(
        f"row({no}, {bonus}, {left}, {until})::ledger_open_lot"
        for (no, bonus, left, _), until in zip(made, dates, strict=True)
    )
    return f"array[{rows}]::ledger_open_lot[]"


def take(made: list[Lot], amount: int, *, proportional: bool) -> tuple[dict[int, int], dict[int, int]]:
    """Give what stays open and what was taken, by lot."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select (select json_object_agg(lot_no, remaining) from unnest(taken.lots)), "
            "(select json_object_agg(lot_no, amount) from unnest(taken.legs)) "
            f"from ledger_take({literal(made)}, %s, %s, %s, %s, %s) as taken",
            [amount, TODAY, HOLDER, MERCHANT, proportional],
        )
        told = cursor.fetchone()
    return by_lot(told[0]), by_lot(told[1])


def by_lot(pairs: dict[str, int] | None) -> dict[int, int]:
    return {int(no): value for no, value in (pairs or {}).items()}


def spendable(made: list[Lot]) -> int:
    return sum(left for _, _, left, until in made if until is None or until >= TODAY)


@every
@given(made=lots, bonus_first=st.booleans(), share=st.floats(0, 1))
def test_lots_are_taken_in_order_and_expired_ones_left_alone(
    made: list[Lot], bonus_first: bool, share: float
) -> None:
    ordered = in_order(made, bonus_first=bonus_first)
    amount = int(spendable(made) * share)
    if amount == 0:
        return
    expected: dict[int, int] = {}
    rest = amount
    for no, _, remaining, until in ordered:
        if (until is None or until >= TODAY) and rest:
            expected[no] = min(remaining, rest)
            rest -= expected[no]

    left, taken = take(ordered, amount, proportional=False)

    assert taken == expected
    assert left == {
        no: value - expected.get(no, 0) for no, _, value, _ in made if value > expected.get(no, 0)
    }


@every
@given(made=lots, share=st.floats(0, 1))
def test_proportional_takes_each_kind_s_share_to_a_minor_unit(made: list[Lot], share: float) -> None:
    ordered = in_order(made, bonus_first=True)
    amount = int(spendable(made) * share)
    if amount == 0:
        return
    bonus = spendable([lot for lot in made if lot[1]])

    left, taken = take(ordered, amount, proportional=True)

    assert sum(taken.values()) == amount
    assert sum(taken.get(no, 0) for no, is_bonus, _, _ in made if is_bonus) == amount * bonus // spendable(
        made
    )
    assert sum(left.values()) == sum(lot[2] for lot in made) - amount


@every
@given(made=lots, bonus_first=st.booleans(), place=st.integers(0, 7), amount=st.integers(1, 50_000))
def test_value_put_back_is_in_its_own_lot_and_in_order(
    made: list[Lot], bonus_first: bool, place: int, amount: int
) -> None:
    back = made[place] if place < len(made) else (99, False, 0, None)
    expected = [(*lot[:2], lot[2] + amount, lot[3]) if lot[0] == back[0] else lot for lot in made]
    if back[0] == 99:
        expected.append((99, False, amount, None))

    with connection.cursor() as cursor:
        cursor.execute(
            "select lot_no, bonus, remaining, expires_on "
            f"from unnest(ledger_put({literal(in_order(made, bonus_first=bonus_first))}, "
            "%s, %s, %s, %s::date, %s))",
            [back[0], back[1], amount, back[3], bonus_first],
        )
        rows = [tuple(row) for row in cursor.fetchall()]

    assert rows == in_order(expected, bonus_first=bonus_first)


def test_taking_more_than_there_is_is_an_error_of_the_caller() -> None:
    with pytest.raises(DatabaseError, match="short of 1 minor units"):
        take([(1, False, 100, None)], 101, proportional=False)
