"""What an answer tells, and to whom: nothing of a card that was not proved, no balance for a bare number."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from prepaid.cards.models import Program
from prepaid.money import Money
from prepaid.stored_value import calls
from prepaid.stored_value.answers import Answer
from prepaid.stored_value.hold import capture, hold, release
from prepaid.stored_value.load import load
from prepaid.stored_value.redeem import redeem
from prepaid.stored_value.refund import refund
from tests.shop import HeldCard, Shop, assert_ledger_is_clean, figures, open_shop

pytestmark = pytest.mark.usefixtures("committed_db")
PIN, WRONG_PIN = b"p" * 32, b"w" * 32


@pytest.fixture
def shop() -> Shop:
    return open_shop()


@pytest.fixture
def numbered(shop: Shop) -> HeldCard:
    return shop.card(balance=10_000, method="number", pin=PIN)


def cny(amount: int) -> Money:
    return Money(amount, "CNY")


def told(answer: Answer) -> tuple[int | None, int | None]:
    return answer.balance_minor, answer.available_minor


def pay_in(shop: Shop, held: HeldCard, pin: bytes | None) -> Answer:
    return load(shop.request(), held.typed(pin), cny(500), tender="cash")


def test_load_by_bare_number_is_approved_and_tells_no_balance(shop: Shop, numbered: HeldCard) -> None:
    request, typed = shop.request(), numbered.typed(None)

    answers = [load(request, typed, cny(500), tender="cash") for _ in range(2)]

    assert [(one.approved, one.approved_minor, told(one)) for one in answers] == [
        (True, 500, (None, None))
    ] * 2
    assert numbered.balance() == 10_500
    assert_ledger_is_clean()


def test_void_of_a_load_by_bare_number_tells_no_balance_either(shop: Shop, numbered: HeldCard) -> None:
    first, second = pay_in(shop, numbered, None), pay_in(shop, numbered, None)

    undone = shop.void(first.id)
    assert redeem(shop.request(), numbered.typed(PIN), cny(10_400)).approved
    refused = shop.void(second.id)

    assert (undone.approved, told(undone)) == (True, (None, None))
    assert (refused.reason, told(refused)) == ("insufficient_funds", (None, None))
    assert_ledger_is_clean()


def test_load_by_number_with_its_pin_tells_the_balance(shop: Shop, numbered: HeldCard) -> None:
    assert told(pay_in(shop, numbered, PIN)) == (10_500, 10_500)


def test_wrong_pin_of_a_load_is_counted_and_loads_nothing(shop: Shop, numbered: HeldCard) -> None:
    """Else a load of little would say, uncounted, which PIN is right."""
    before = figures()

    reasons = [pay_in(shop, numbered, WRONG_PIN).reason for _ in range(6)]

    assert reasons == ["pin_wrong"] * 5 + ["pin_locked"]
    assert pay_in(shop, numbered, PIN).reason == "pin_locked"
    assert figures() == before
    assert pay_in(shop, numbered, None).approved


def test_limits_of_a_load_come_before_its_pin(shop: Shop, numbered: HeldCard) -> None:
    Program.objects.filter(pk=shop.program.pk).update(balance_max=10_499)

    assert pay_in(shop, numbered, WRONG_PIN).reason == "limit_balance"
    numbered.credential.refresh_from_db()
    assert numbered.credential.pin_failures == 0


@pytest.mark.parametrize("reason", ["credential_refused", "credential_replayed"])
def test_unproved_card_is_told_to_nobody_and_kept_for_the_office(shop: Shop, reason: str) -> None:
    held = shop.card(balance=1_000)
    tap = held.tap()
    if reason == "credential_replayed":
        assert redeem(shop.request(), tap, cny(1)).approved
    else:
        Program.objects.filter(pk=shop.program.pk).update(allowed_credentials=["number"])
    request = shop.request()

    first, again = redeem(request, tap, cny(100)), redeem(request, tap, cny(100))
    asked = calls.find_answer(request.id, origin_id=None)

    for answer in (first, again, asked):
        assert answer is not None
        assert answer.reason == reason
        assert (answer.last_four, answer.program_code, answer.card_id, told(answer)) == (
            None,
            None,
            None,
            (None, None),
        )
    kept = calls.fetch("select presented_id from ledger_answer where id = %s", [request.id])
    assert kept == (held.card.id,)
    assert held.balance() >= 999


def test_undoing_a_hold_moves_no_money(shop: Shop) -> None:
    held = shop.card(balance=1_000)
    later = shop.at + timedelta(hours=1)
    held_by_void, held_by_reversal, captured = (
        hold(shop.request(), held.tap(), cny(100), expires_at=later) for _ in range(3)
    )

    undone = [shop.void(held_by_void.id), shop.reverse(held_by_reversal.id)]
    spent = capture(shop.request(), captured.id, cny(60))
    back = refund(shop.request(), spent.id, cny(10))
    again = [calls.find_answer(one.id, origin_id=None) for one in undone]

    assert [one.money_moved for one in undone] == [False, False]
    assert [one.money_moved for one in again if one] == [False, False]
    assert [one.approved_minor for one in undone] == [100, 100]
    assert (spent.money_moved, back.money_moved, shop.void(back.id).money_moved) == (True, True, True)
    assert shop.void(shop.redeem(held, 5).id).money_moved
    assert not shop.reverse(held_by_void.id).money_moved
    assert_ledger_is_clean()


def test_release_moves_no_money(shop: Shop) -> None:
    held = shop.card(balance=1_000)
    placed = hold(shop.request(), held.tap(), cny(100), expires_at=shop.at + timedelta(hours=1))

    assert not placed.money_moved
    assert not release(shop.request(), placed.id).money_moved


def test_hold_expires_by_no_clock_that_is_ahead(shop: Shop) -> None:
    held = shop.card(balance=1_000)
    now = datetime.now(UTC)
    placed = hold(shop.request(), held.tap(), cny(100), expires_at=now + timedelta(hours=1))
    before = figures()
    sql = f"select ledger_expire_hold({calls.REQUEST}, %s::uuid, %s::uuid)"

    def expire(at: datetime) -> object:
        values = [*calls.request_values(shop.request(recorded_at=at)), held.account_id, placed.id]
        row = calls.fetch(sql, values)
        return row and row[0]

    with pytest.raises(psycopg.Error, match="a clock that is ahead"):
        expire(now + timedelta(hours=2))
    assert expire(now + timedelta(seconds=30)) is False
    assert figures() == before
