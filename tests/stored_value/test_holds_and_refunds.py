"""Holds are resolved once; refunds give back the very lots and never more than the original."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from uuid import UUID

import pytest

from prepaid.identifiers import uuid7
from prepaid.money import Money
from prepaid.stored_value import calls
from prepaid.stored_value.answers import Answer
from prepaid.stored_value.hold import capture, hold, release
from prepaid.stored_value.refund import refund
from tests.shop import HeldCard, Shop, assert_ledger_is_clean, figures, open_shop, together
from tests.stored_value.races import MEET, change, outcomes, take_out

pytestmark = pytest.mark.usefixtures("committed_db")


@pytest.fixture
def shop() -> Shop:
    return open_shop()


@pytest.fixture
def held(shop: Shop) -> HeldCard:
    return shop.card(balance=10_000)


def place(shop: Shop, held: HeldCard, amount: int) -> Answer:
    later = shop.at + timedelta(hours=1)
    return hold(shop.request(), held.tap(), Money(amount, "CNY"), expires_at=later)


def capture_of(shop: Shop, original: UUID, amount: int, **changed: object) -> Answer:
    return capture(shop.request(**changed), original, Money(amount, "CNY"))


def refund_of(shop: Shop, original: UUID, amount: int) -> Answer:
    return refund(shop.request(), original, Money(amount, "CNY"))


def test_hold_takes_from_available_and_not_from_the_balance(shop: Shop, held: HeldCard) -> None:
    answer = place(shop, held, 3_000)

    assert (answer.outcome, answer.balance_minor, answer.available_minor) == ("approved", 10_000, 7_000)
    assert shop.redeem(held, 7_001).reason == "insufficient_because_of_hold"
    assert_ledger_is_clean()


def test_several_holds_at_once_are_resolved_each_on_its_own(shop: Shop, held: HeldCard) -> None:
    first, second, third = (place(shop, held, amount) for amount in (1_000, 2_000, 3_000))

    answers = [
        capture_of(shop, second.id, 1_500),
        release(shop.request(), first.id),
        capture_of(shop, third.id, 3_000),
    ]

    assert [(one.outcome, one.balance_minor, one.available_minor) for one in answers] == [
        ("approved", 8_500, 4_500),
        ("approved", 8_500, 5_500),
        ("approved", 5_500, 5_500),
    ]
    assert held.row("held") == 0
    assert_ledger_is_clean()


@pytest.mark.parametrize("kind", ["capture", "release"])
def test_hold_is_resolved_once(shop: Shop, held: HeldCard, kind: str) -> None:
    original = place(shop, held, 1_000).id
    assert (
        capture_of(shop, original, 900) if kind == "capture" else release(shop.request(), original)
    ).approved
    before = figures()

    reasons = [capture_of(shop, original, 1).reason, release(shop.request(), original).reason]

    expected = "original_not_reversible" if kind == "capture" else "already_reversed"
    assert reasons == [expected, expected]
    assert figures() == before
    assert_ledger_is_clean()


def test_capture_over_the_hold_or_after_its_time_is_declined(shop: Shop, held: HeldCard) -> None:
    original = place(shop, held, 1_000).id
    before = figures()

    over = capture_of(shop, original, 1_001)
    late = capture_of(shop, original, 1_000, recorded_at=shop.at + timedelta(hours=1))
    unknown = capture_of(shop, uuid7(), 1)
    of_a_redeem = capture_of(shop, shop.redeem(held, 1).id, 1)

    assert [one.reason for one in (over, late, unknown, of_a_redeem)] == [
        "amount_over_original",
        "original_not_reversible",
        "original_unknown",
        "original_not_reversible",
    ]
    assert figures()[:2] == (before[0] - 1, before[1])


def test_void_of_a_hold_releases_it_and_void_of_a_capture_gives_back(shop: Shop, held: HeldCard) -> None:
    first, second = place(shop, held, 1_000), place(shop, held, 2_000)
    captured = capture_of(shop, second.id, 1_800)

    assert shop.void(first.id).approved
    assert shop.void(second.id).reason == "original_not_reversible"
    assert shop.void(captured.id).approved

    assert (held.balance(), held.row("held")) == (10_000, 0)
    assert_ledger_is_clean()


def test_hold_expires_by_the_clock_once(shop: Shop, held: HeldCard) -> None:
    original = place(shop, held, 1_000)

    def expire(seconds: int) -> bool:
        at = shop.at + timedelta(seconds=seconds)
        request = shop.request(recorded_at=at, sequence=None)
        sql = f"select ledger_expire_hold({calls.REQUEST}, %s::uuid, %s::uuid)"
        row = calls.fetch(sql, [*calls.request_values(request), held.account_id, original.id])
        return row is not None and bool(row[0])

    assert [expire(3_599), expire(3_600), expire(3_601)] == [False, True, False]
    assert held.row("held") == 0
    assert_ledger_is_clean()


def test_partial_refunds_give_back_the_last_taken_lot_first_and_never_too_much(
    shop: Shop, held: HeldCard
) -> None:
    shop.load(held, 500)
    lots = held.row("lots::text")
    original = shop.redeem(held, 10_400)

    first = refund_of(shop, original.id, 300)
    after_first = held.row("lots::text")
    second = refund_of(shop, original.id, 10_100)
    too_much = refund_of(shop, original.id, 1)

    assert [one.outcome for one in (first, second, too_much)] == ["approved", "approved", "declined"]
    assert after_first == '{"(2,f,400,)"}'
    assert held.row("lots::text") == lots
    assert too_much.reason == "amount_over_original"
    assert shop.void(original.id).reason == "original_not_reversible"
    assert_ledger_is_clean()


def test_refund_that_was_voided_can_be_given_again(shop: Shop, held: HeldCard) -> None:
    original = shop.redeem(held, 1_000)
    mistaken = refund_of(shop, original.id, 1_000)
    assert shop.void(mistaken.id).approved

    again = refund_of(shop, original.id, 1_000)

    assert (again.outcome, held.balance()) == ("approved", 10_000)
    assert_ledger_is_clean()


def test_refund_of_what_cannot_be_refunded_is_declined(shop: Shop, held: HeldCard) -> None:
    voided = shop.redeem(held, 100)
    shop.void(voided.id)
    before = figures()

    reasons = [
        refund_of(shop, uuid7(), 1).reason,
        refund_of(shop, voided.id, 1).reason,
        refund_of(shop, shop.load(held, 1).id, 1).reason,
        refund(shop.request(), shop.redeem(held, 1).id, Money(1, "USD")).reason,
    ]

    assert reasons == ["original_unknown", "already_reversed", "original_not_reversible", "currency_mismatch"]
    assert figures()[0] == before[0]


def test_refund_of_a_capture_goes_back_as_well(shop: Shop, held: HeldCard) -> None:
    captured = capture_of(shop, place(shop, held, 1_000).id, 800)

    assert refund_of(shop, captured.id, 800).approved
    assert held.balance() == 10_000
    assert_ledger_is_clean()


def test_fifty_refunds_at_once_never_exceed_the_original(shop: Shop, held: HeldCard) -> None:
    original = shop.redeem(held, 700)

    results = together([partial(refund_of, shop, original.id, 100)] * 50)

    assert outcomes(results) == {"approved": 7, "declined": 43}
    assert held.balance() == 10_000
    assert_ledger_is_clean()


def test_without_the_lock_on_the_account_refunds_exceed_the_original(scratch_db: str) -> None:
    shop = open_shop()
    original = shop.redeem(shop.card(balance=10_000), 700)
    take_out("stored_value_find_original", " for update")
    take_out("ledger_post", " and position = p_before.position", instead=f" and {MEET}")
    for table in ("ledger_transaction", "ledger_transfer"):
        change(f"alter table {table} drop constraint {table}_pkey")

    results = together([partial(refund_of, shop, original.id, 700)] * 10)

    assert outcomes(results)["approved"] > 1


def test_captures_and_releases_of_one_hold_at_once_resolve_it_once(shop: Shop, held: HeldCard) -> None:
    original = place(shop, held, 1_000).id

    results = together(
        [partial(capture_of, shop, original, 1_000)] * 25 + [lambda: release(shop.request(), original)] * 25
    )

    assert outcomes(results) == {"approved": 1, "declined": 49}
    assert held.row("held") == 0
    assert held.balance() in (9_000, 10_000)
    assert_ledger_is_clean()


def test_without_the_locks_a_hold_is_captured_more_than_once(scratch_db: str) -> None:
    shop = open_shop()
    original = place(shop, shop.card(balance=10_000), 1_000).id
    take_out("stored_value_find_original", " for update")
    resolved = "and id = p_original for update;"
    take_out("stored_value_capture", resolved, instead=f"and id = p_original; perform {MEET};")
    change("drop trigger resolved_once on ledger_hold")

    results = together([partial(capture_of, shop, original, 1_000)] * 25)

    assert outcomes(results)["approved"] > 1
