"""A capture goes above its hold as far as the program says and the funds reach."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from prepaid.money import Money
from prepaid.stored_value.answers import Answer
from prepaid.stored_value.hold import capture, hold
from tests.shop import HeldCard, Shop, assert_ledger_is_clean, figures, open_shop

pytestmark = pytest.mark.usefixtures("committed_db")


def place(shop: Shop, held: HeldCard, amount: int) -> UUID:
    later = shop.at + timedelta(hours=1)
    return hold(shop.request(), held.tap(), Money(amount, "CNY"), expires_at=later).id


def capture_of(shop: Shop, original: UUID, amount: int) -> Answer:
    return capture(shop.request(), original, Money(amount, "CNY"))


@pytest.mark.parametrize(
    ("percent", "amount", "reason"),
    [
        (0, 999, None),
        (0, 1_000, "amount_over_original"),
        (10, 1_098, None),
        (10, 1_099, "amount_over_original"),
        (100, 1_998, None),
        (100, 1_999, "amount_over_original"),
    ],
)
def test_tolerance_is_the_program_s_and_rounded_down(percent: int, amount: int, reason: str | None) -> None:
    shop = open_shop(capture_tolerance_percent=percent)
    held = shop.card(balance=5_000)
    placed = place(shop, held, 999)
    before = figures()

    answer = capture_of(shop, placed, amount)

    assert answer.reason == reason
    assert held.balance() == (5_000 if reason else 5_000 - amount)
    assert figures() == before or not reason
    assert_ledger_is_clean()


def test_what_goes_above_takes_neither_more_than_there_is_nor_what_others_hold() -> None:
    shop = open_shop(capture_tolerance_percent=10)
    held = shop.card(balance=1_050)
    placed = place(shop, held, 1_000)
    assert capture_of(shop, placed, 1_051).reason == "insufficient_funds"
    other = place(shop, held, 30)

    over = capture_of(shop, placed, 1_021)
    within = capture_of(shop, placed, 1_020)

    assert (over.reason, within.outcome) == ("insufficient_because_of_hold", "approved")
    assert capture_of(shop, other, 30).balance_minor == 0
    assert_ledger_is_clean()


def test_void_of_such_a_capture_gives_all_of_it_back() -> None:
    shop = open_shop(capture_tolerance_percent=10)
    held = shop.card(balance=2_000)
    captured = capture_of(shop, place(shop, held, 1_000), 1_100)

    assert shop.void(captured.id).balance_minor == 2_000
    assert_ledger_is_clean()
