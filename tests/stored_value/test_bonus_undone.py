"""A top-up that is undone takes its bonus with it: paid parts out of their lots, the others for good."""

from __future__ import annotations

from functools import partial

import pytest

from prepaid.money import Money
from prepaid.stored_value.bonus import pay_instalments
from prepaid.stored_value.hold import hold
from tests.shop import NOON, Shop, assert_ledger_is_clean, figures, open_shop, together
from tests.stored_value.test_bonus import DAY, history_of, parts_of, promised

pytestmark = pytest.mark.usefixtures("committed_db")


@pytest.fixture
def shop() -> Shop:
    return open_shop()


def test_void_of_a_top_up_takes_the_bonus_back(shop: Shop) -> None:
    held, answer = promised(shop)
    pay_instalments(shop.at + DAY)

    undone = shop.void(answer.id)

    assert (undone.outcome, undone.approved_minor, undone.balance_minor) == ("approved", 500, 0)
    assert [part[3] for part in parts_of(answer)] == ["paid", "paid", "cancelled"]
    assert history_of(held)[-3:] == [("void bonus", 10), ("void bonus", 10), ("void load", 500)]
    pay_instalments(shop.at + 9 * DAY)
    assert (held.balance(), held.row("cardinality(lots)"), held.row("loaded_today")) == (0, 0, 0)
    assert_ledger_is_clean()


def test_reversal_of_a_top_up_takes_the_bonus_back_and_is_safe_to_repeat(shop: Shop) -> None:
    held, answer = promised(shop)

    first, again = shop.reverse(answer.id), shop.reverse(answer.id)

    assert [(one.outcome, one.money_moved) for one in (first, again)] == [
        ("approved", True),
        ("approved", False),
    ]
    assert held.balance() == 0
    assert_ledger_is_clean()


@pytest.mark.parametrize("spends", [1, 510])
def test_void_of_a_top_up_whose_bonus_is_spent_is_declined(shop: Shop, spends: int) -> None:
    held, answer = promised(shop)
    shop.redeem(held, spends)
    before = figures()

    undone = shop.void(answer.id)

    assert (undone.reason, figures()) == ("insufficient_funds", before)
    assert [part[3] for part in parts_of(answer)] == ["paid", None, None]
    assert_ledger_is_clean()


def test_void_of_a_top_up_that_a_hold_needs_with_its_bonus_is_declined(shop: Shop) -> None:
    held = shop.card(balance=500)
    shop.offer(500, 30, instalments=3, interval="day")
    answer = shop.load(held, 500)
    hold(shop.request(), held.tap(), Money(501, "CNY"), expires_at=shop.at + DAY)
    before = figures()

    undone = shop.void(answer.id)

    assert (undone.reason, figures()) == ("insufficient_because_of_hold", before)
    assert_ledger_is_clean()


@pytest.mark.race
def test_void_and_job_at_once_leave_no_bonus_behind(shop: Shop) -> None:
    for _ in range(10):
        held, answer = promised(shop)
        together([partial(shop.void, answer.id), lambda: pay_instalments(NOON + 9 * DAY)])  # type: ignore[list-item, return-value]
        assert held.balance() == 0
    assert_ledger_is_clean()
