"""Void and reversal: the very lots come back, once, and a reversal may come before its original."""

from __future__ import annotations

from datetime import timedelta

import pytest

from prepaid.identifiers import uuid7
from prepaid.ledger.errors import IdReused
from prepaid.money import Money
from prepaid.stored_value.calls import find_answer
from prepaid.stored_value.hold import hold
from prepaid.stored_value.redeem import redeem
from prepaid.stored_value.refund import refund
from prepaid.stores.models import Terminal
from tests.shop import HeldCard, Shop, assert_ledger_is_clean, figures, open_shop

pytestmark = pytest.mark.usefixtures("committed_db")


@pytest.fixture
def shop() -> Shop:
    return open_shop()


@pytest.fixture
def held(shop: Shop) -> HeldCard:
    return shop.card(balance=10_000)


def test_void_of_a_redeem_restores_the_very_lots(shop: Shop, held: HeldCard) -> None:
    shop.load(held, 500)
    lots = held.row("lots::text")
    original = shop.redeem(held, 10_200)
    assert held.row("lots::text") != lots

    answer = shop.void(original.id)

    assert (answer.outcome, answer.approved_minor, answer.balance_minor) == ("approved", 10_200, 10_500)
    assert held.row("lots::text") == lots
    assert held.row("redeemed_today") == 0
    assert_ledger_is_clean()


def test_void_of_a_load_takes_its_lot_back(shop: Shop, held: HeldCard) -> None:
    original = shop.load(held, 500)

    answer = shop.void(original.id)

    assert (answer.outcome, answer.approved_minor, held.balance()) == ("approved", 500, 10_000)
    assert held.row("cardinality(lots)") == 1
    assert_ledger_is_clean()


def test_void_of_a_load_that_is_spent_is_declined(shop: Shop, held: HeldCard) -> None:
    original = shop.load(held, 500)
    shop.redeem(held, 10_001)
    before = figures()

    answer = shop.void(original.id)

    assert (answer.outcome, answer.reason, figures()) == ("declined", "insufficient_funds", before)


def test_void_of_a_load_that_is_held_is_declined(shop: Shop, held: HeldCard) -> None:
    original = shop.load(held, 500)
    hold(shop.request(), held.tap(), Money(10_001, "CNY"), expires_at=shop.at + timedelta(days=1))
    before = figures()

    answer = shop.void(original.id)

    assert (answer.outcome, answer.reason, figures()) == ("declined", "insufficient_because_of_hold", before)
    assert_ledger_is_clean()


def test_second_void_is_declined_and_second_reversal_moves_nothing(shop: Shop, held: HeldCard) -> None:
    original = shop.redeem(held, 100)
    shop.void(original.id)
    before = figures()

    void, reversal = shop.void(original.id), shop.reverse(original.id)

    assert (void.outcome, void.reason) == ("declined", "already_reversed")
    assert (reversal.outcome, reversal.approved_minor, reversal.money_moved) == ("approved", 0, False)
    assert figures() == before
    assert_ledger_is_clean()


@pytest.mark.parametrize(
    "kind", ["unknown", "declined", "a void", "of another terminal", "of a closed batch"]
)
def test_void_of_what_cannot_be_undone_is_declined(shop: Shop, held: HeldCard, kind: str) -> None:
    reason = "original_not_reversible"
    if kind == "unknown":
        original, reason = uuid7(), "original_unknown"
    elif kind == "declined":
        original = shop.redeem(held, 99_999).id
    elif kind == "a void":
        original = shop.void(shop.redeem(held, 1).id).id
    elif kind == "of another terminal":
        other = Terminal.objects.create(
            store=shop.store, name="T2", public_key=b"k" * 32, enrolled_at=shop.at
        )
        original, reason = shop.redeem(held, 1).id, "original_unknown"
        shop.terminal = other
    else:
        answer = shop.redeem(held, 1)
        original = answer.id
        shop.terminal.closed_through_sequence = answer.sequence or 0
    before = figures()

    answer = shop.void(original)

    assert (answer.outcome, answer.reason, figures()) == ("declined", reason, before)


def test_counter_voids_what_a_terminal_of_its_store_did(shop: Shop, held: HeldCard) -> None:
    original = shop.redeem(held, 100)
    elsewhere = open_shop()

    assert elsewhere.void(original.id, origin=elsewhere.counter, sequence=None).reason == "original_unknown"
    assert shop.void(original.id, origin=shop.counter, sequence=None).approved
    assert held.balance() == 10_000


def test_counter_s_own_is_voided_on_its_day_only(shop: Shop, held: HeldCard) -> None:
    original = shop.redeem(held, 100, origin=shop.counter, sequence=None)

    tomorrow = shop.void(
        original.id, origin=shop.counter, sequence=None, recorded_at=shop.at + timedelta(days=1)
    )
    today = shop.void(original.id, origin=shop.counter, sequence=None)

    assert (tomorrow.reason, today.reason) == ("original_not_reversible", None)


def test_reversal_before_its_original_is_a_tombstone(shop: Shop, held: HeldCard) -> None:
    request, tap = shop.request(), held.tap()
    before = figures()

    reversal = shop.reverse(request.id)
    again = shop.reverse(request.id)
    seen_before = find_answer(request.id, origin_id=None)
    late = redeem(request, tap, Money(100, "CNY"))
    repeat = redeem(request, tap, Money(100, "CNY"))

    assert (reversal.outcome, reversal.money_moved) == ("approved", False)
    assert (again.outcome, again.money_moved) == ("approved", False)
    assert seen_before is None
    assert (late.outcome, late.reason, late.type, late.replayed) == (
        "declined",
        "already_reversed",
        "redeem",
        False,
    )
    assert (repeat.outcome, repeat.reason, repeat.replayed) == ("declined", "already_reversed", True)
    assert late.sequence == request.sequence
    assert figures() == before
    with pytest.raises(IdReused):
        redeem(shop.request(id=request.id), tap, Money(100, "CNY"))
    assert_ledger_is_clean()


def test_tombstone_of_one_terminal_is_not_completed_by_another(shop: Shop, held: HeldCard) -> None:
    request = shop.request()
    shop.reverse(request.id)
    shop.terminal = Terminal.objects.create(
        store=shop.store, name="T2", public_key=b"k" * 32, enrolled_at=shop.at
    )

    with pytest.raises(IdReused):
        shop.redeem(held, 100, id=request.id)
    assert held.balance() == 10_000


def test_reversal_of_a_decline_moves_nothing(shop: Shop, held: HeldCard) -> None:
    declined = shop.redeem(held, 99_999)
    before = figures()

    answer = shop.reverse(declined.id)

    assert (answer.outcome, answer.money_moved, figures()) == ("approved", False, before)


def test_reversal_works_on_a_card_that_was_blocked_meanwhile(shop: Shop, held: HeldCard) -> None:
    original = shop.redeem(held, 100)
    type(held.card).objects.filter(pk=held.card.pk).update(state="blocked")

    assert shop.reverse(original.id).approved
    assert held.balance() == 10_000


def test_reversal_of_another_terminal_s_transaction_is_declined(shop: Shop, held: HeldCard) -> None:
    original = shop.redeem(held, 100)
    shop.terminal = Terminal.objects.create(
        store=shop.store, name="T2", public_key=b"k" * 32, enrolled_at=shop.at
    )

    assert shop.reverse(original.id).reason == "original_unknown"
    assert held.balance() == 9_900


def test_reversal_stops_at_a_closed_batch_but_its_repeat_is_told(shop: Shop, held: HeldCard) -> None:
    reversed_before, closed = shop.redeem(held, 100), shop.redeem(held, 200)
    shop.reverse(reversed_before.id)
    shop.terminal.closed_through_sequence = closed.sequence or 0
    before = figures()

    late, repeat = shop.reverse(closed.id), shop.reverse(reversed_before.id)

    assert (late.outcome, late.reason) == ("declined", "original_not_reversible")
    assert (repeat.outcome, repeat.money_moved) == ("approved", False)
    assert figures() == before


def test_redeem_whose_refund_was_voided_can_be_voided(shop: Shop, held: HeldCard) -> None:
    original = shop.redeem(held, 100)
    mistaken = refund(shop.request(), original.id, Money(40, "CNY"))
    assert shop.void(original.id).reason == "original_not_reversible"
    shop.void(mistaken.id)

    assert shop.void(original.id).approved
    assert held.balance() == 10_000
    assert_ledger_is_clean()


def test_reversal_of_a_declined_original_tells_no_balance(shop: Shop, held: HeldCard) -> None:
    declined = shop.redeem(held, 10_001)
    assert (declined.reason, declined.balance_minor) == ("insufficient_funds", 10_000)
    before = figures()

    answer = shop.reverse(declined.id)

    # It used to say that nothing is available, on a card that has all of its value.
    told = (answer.outcome, answer.approved_minor, answer.balance_minor, answer.available_minor)
    assert (told, figures()) == (("approved", 0, None, None), before)
