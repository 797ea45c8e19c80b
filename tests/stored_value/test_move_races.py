"""Moves and merges at the same moment: no deadlock, and nothing lost or left behind a closed card."""

from __future__ import annotations

import threading
import time
from collections import Counter
from functools import partial
from typing import Any

import psycopg
import pytest

from prepaid.money import Money
from prepaid.stored_value.answers import Answer
from prepaid.stored_value.cash_out import cash_out
from prepaid.stored_value.move import move
from prepaid.stored_value.redeem import redeem
from tests.databases import connect_as_superuser
from tests.shop import HeldCard, Shop, assert_ledger_is_clean, open_shop, together
from tests.stored_value.races import change, function_text, take_out
from tests.stored_value.test_move import at_the_till, merged, moved, states

pytestmark = pytest.mark.usefixtures("committed_db")


@pytest.fixture
def shop() -> Shop:
    return open_shop()


def race_both_ways(shop: Shop, one: HeldCard, other: HeldCard) -> Counter[str]:
    """Move 10 a time, 25 times each way at once."""
    requests = [(at_the_till(shop), place % 2) for place in range(50)]
    results = together(
        [
            partial(
                move,
                request,
                (one if forth else other).card.id,
                (other if forth else one).card.id,
                Money(10, "CNY"),
            )
            for request, forth in requests
        ]
    )
    return Counter(
        result.outcome if isinstance(result, Answer) else type(result).__name__ for result in results
    )


@pytest.mark.race
def test_fifty_moves_both_ways_at_once_all_go_through_and_the_sum_stays(shop: Shop) -> None:
    one, other = shop.card(balance=1_000), shop.card(balance=500)

    outcomes = race_both_ways(shop, one, other)

    assert outcomes == {"approved": 50}
    assert (one.balance(), other.balance()) == (1_000, 500)
    assert_ledger_is_clean()


@pytest.mark.race
def test_without_the_order_of_locks_moves_both_ways_stand_in_each_others_way(scratch_db: str) -> None:
    guards = {"least(v_source.account_id, v_target.account_id)": "v_source.account_id",
              "greatest(v_source.account_id, v_target.account_id)": "v_target.account_id"}  # fmt: skip
    text = function_text("stored_value_move")
    for guard, instead in guards.items():
        assert guard in text
        text = text.replace(guard, instead)
    first = "v_source.account_id for update;"
    assert first in text
    # The window between the two locks is made wide, so that its danger shows each time.
    change(text.replace(first, first + " perform pg_sleep(0.02);", 1))
    shop = open_shop()
    one, other = shop.card(balance=1_000), shop.card(balance=500)

    outcomes = race_both_ways(shop, one, other)

    assert outcomes["approved"] < 50
    assert one.balance() + other.balance() == 1_500


@pytest.mark.race
def test_moves_and_redeems_of_one_account_at_once_spend_what_is_there_once(shop: Shop) -> None:
    source, target = shop.card(balance=700, method="number", pin=b"right"), shop.card()
    moves = [partial(moved, shop, source, target, 100) for _ in range(10)]
    spends = [partial(redeem, shop.request(), source.typed(b"right"), Money(100, "CNY")) for _ in range(10)]

    results = together([*moves, *spends])

    approved = [one for one in results if isinstance(one, Answer) and one.approved]
    assert all(isinstance(one, Answer) for one in results)
    assert len(approved) == 7
    assert source.balance() == 0
    assert target.balance() == 100 * sum(one.type == "move" for one in approved)
    assert_ledger_is_clean()


def nothing_stays_behind(*accounts: HeldCard) -> bool:
    """Say whether every account that has value has a card that can spend it."""
    return all(one.balance() == 0 or states(one) == ["active"] for one in accounts)


def race_to_merge(shop: Shop) -> tuple[list[Any], list[HeldCard]]:
    """Merge both ways, top both up and cash one out at the same moment."""
    one, other = shop.card(balance=1_000), shop.card(balance=500)
    calls = [partial(merged, shop, one, other), partial(merged, shop, other, one)] * 5
    calls += [partial(shop.load_at_desk, held, 10) for held in (one, other)] * 5
    till = [at_the_till(shop) for _ in range(5)]
    calls += [
        partial(cash_out, till[place], one.card.id, paid_minor=0, tender="cash", closes_because="x")
        for place in range(5)
    ]
    return list(together(calls)), [one, other]


@pytest.mark.race
def test_merges_both_ways_leave_no_value_behind_a_closed_card(shop: Shop) -> None:
    for _ in range(5):
        results, accounts = race_to_merge(shop)

        assert [one for one in results if not isinstance(one, Answer)] == []
        assert sum(one.type == "move" and one.approved for one in results) == 1
        loads = sum(one.approved_minor for one in results if one.type == "load")
        assert sum(one.balance() for one in accounts) == 1_500 + loads
        assert nothing_stays_behind(*accounts)
    assert_ledger_is_clean()


@pytest.mark.race
def test_without_the_second_look_at_the_cards_value_stays_behind(scratch_db: str) -> None:
    take_out("stored_value_move", "    v_target := stored_value_find_card(v_presented_to);\n")
    shop = open_shop()
    one, other = shop.card(balance=1_000), shop.card(balance=500)
    change_calls = [partial(merged, shop, one, other), partial(merged, shop, other, one)]
    with connect_as_superuser(scratch_db) as blocking:
        # Both wait for the accounts, each with its cards looked at, before either may go on.
        with blocking.transaction():
            blocking.execute("select from ledger_account for update")
            racing = threading.Thread(target=together, args=[change_calls])
            racing.start()
            wait_for_waiters(blocking, 2)
        racing.join()

    assert not nothing_stays_behind(one, other)


def wait_for_waiters(superuser: psycopg.Connection[tuple[object, ...]], count: int) -> None:
    """Come back when so many connections wait for a lock in this database."""
    with connect_as_superuser(superuser.info.dbname) as watching:
        waiting = (
            "select count(*) from pg_stat_activity "
            "where datname = current_database() and wait_event_type = 'Lock'"
        )
        give_up = time.monotonic() + 30
        while watching.execute(waiting).fetchone() != (count,):
            assert time.monotonic() < give_up, "they do not wait"
