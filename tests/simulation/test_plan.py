"""The plan: the same from the same seed, every trouble in it, and no card where chance would decide."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import pytest

from simulation.plan import PARTS, SINGLE_MAX_MINOR, Plan, Shift, Size
from simulation.planner import make_plan
from simulation.script import EXPECTED, OFFLINE_TROUBLE, ORDINARY, SELDOM

SHORT = Size(stores=2, terminals=2, cards=40, days=2)
WEEK = Size(stores=3, terminals=2, cards=60, days=7)
SEEDS = range(8)


def shifts_of(plan: Plan) -> list[Shift]:
    return [shift for part in plan.shifts for shift in part]


def presented_in(shift: Shift) -> set[int]:
    """Give the cards that are shown to a terminal, but for the race's: a refund or capture names no card."""
    return {v.card for v in shift.visits if v.scene not in ("refund", "check_out") and v.race < 0}


def test_the_same_seed_plans_the_same_days() -> None:
    assert make_plan(WEEK, 7) == make_plan(WEEK, 7)
    assert make_plan(WEEK, 7) != make_plan(WEEK, 8)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_short_run_meets_every_kind_of_trouble(seed: int) -> None:
    met = Counter(visit.scene for shift in shifts_of(make_plan(SHORT, seed)) for visit in shift.visits)
    assert set(SELDOM) | set(OFFLINE_TROUBLE) | {"race_tap", "race_keyed"} <= set(met)
    assert met["race_tap"] == met["race_keyed"] == SHORT.days


@pytest.mark.parametrize("seed", SEEDS)
def test_no_card_but_a_race_s_is_at_two_terminals_in_one_part(seed: int) -> None:
    for part in make_plan(WEEK, seed).shifts:
        for one, other in combinations(part, 2):
            assert presented_in(one) & presented_in(other) == set()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_card_used_offline_is_used_nowhere_else_until_it_was_told(seed: int) -> None:
    plan = make_plan(WEEK, seed)
    spells: dict[int, set[int]] = {}
    for part in plan.shifts:
        for shift in part:
            others = [cards for terminal, cards in spells.items() if terminal != shift.terminal]
            assert presented_in(shift) & set().union(*others) == set()
        for shift in part:
            offline = {v.card for v in shift.visits if v.expected and v.expected[0] == "approved offline"}
            if shift.is_online:
                spells.pop(shift.terminal, None)
            else:
                spells.setdefault(shift.terminal, set()).update(offline)
    assert spells == {}, "every terminal is back before the end"


@pytest.mark.parametrize("seed", SEEDS)
def test_the_last_evening_is_online_and_closes_every_batch(seed: int) -> None:
    plan = make_plan(SHORT, seed)
    assert all(shift.is_online and shift.closes_batch for shift in plan.shifts[-1])
    assert len(plan.shifts) == SHORT.days * len(PARTS)
    assert any(not shift.is_online for shift in shifts_of(plan)), "and somebody was offline before"


@pytest.mark.parametrize("seed", SEEDS)
def test_the_model_leaves_no_card_below_nothing_and_asks_for_too_much_within_the_limit(seed: int) -> None:
    plan = make_plan(WEEK, seed)
    assert min(plan.balances.values()) >= 0
    too_much = [v.amount for shift in shifts_of(plan) for v in shift.visits if v.scene == "too_much"]
    assert max(too_much) < SINGLE_MAX_MINOR


@pytest.mark.parametrize("seed", SEEDS)
def test_the_terminal_that_dies_is_seen_no_more_and_its_spare_sends_what_it_had_sold(seed: int) -> None:
    plan = make_plan(WEEK, seed)
    failed, spare = plan.promotion.failed, plan.promotion.spare
    before = [s for part in plan.shifts[: plan.promotion.part] for s in part if s.post in (failed, spare)]
    after = [s for part in plan.shifts[plan.promotion.part :] for s in part if s.post in (failed, spare)]
    last = [s for s in before if s.post == failed][-1]
    assert (last.dies, last.is_online, any(v.scene == "offline_tap" for v in last.visits)) == (
        True,
        False,
        True,
    )
    assert [s.visits for s in before if s.post == spare] == [()] * plan.promotion.part
    assert {s.post for s in after} == {spare}
    assert [s.recovers for s in after] == [failed] + [-1] * (len(after) - 1)


def test_every_scene_says_what_must_come_of_it() -> None:
    scenes = {
        visit.scene for seed in SEEDS for shift in shifts_of(make_plan(WEEK, seed)) for visit in shift.visits
    }
    assert scenes <= set(EXPECTED)
    assert set(ORDINARY) <= scenes
