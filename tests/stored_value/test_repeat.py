"""The id is the idempotency key: a repeat gets the first answer, another content is an error."""

from __future__ import annotations

import pytest

from prepaid.identifiers import uuid7
from prepaid.ledger.errors import IdReused, SequenceReused
from prepaid.money import Money
from prepaid.stored_value.answers import Answer
from prepaid.stored_value.calls import find_answer
from prepaid.stored_value.load import load
from prepaid.stored_value.redeem import redeem
from tests.shop import HeldCard, Shop, assert_ledger_is_clean, figures, open_shop

pytestmark = pytest.mark.usefixtures("committed_db")


def facts(answer: Answer) -> tuple[object, ...]:
    return tuple(getattr(answer, name) for name in answer.__slots__ if name != "replayed")


@pytest.fixture
def shop() -> Shop:
    return open_shop()


@pytest.fixture
def held(shop: Shop) -> HeldCard:
    return shop.card(balance=10_000)


def test_repeat_of_a_redeem_returns_the_first_answer(shop: Shop, held: HeldCard) -> None:
    request, tap = shop.request(), held.tap()
    first = redeem(request, tap, Money(3_650, "CNY"))
    shop.redeem(held, 1_000)

    again = redeem(request, tap, Money(3_650, "CNY"))

    assert (first.replayed, again.replayed) == (False, True)
    assert facts(again) == facts(first)
    assert held.balance() == 5_350
    assert_ledger_is_clean()


def test_repeat_of_a_load_returns_the_first_answer(shop: Shop, held: HeldCard) -> None:
    request, tap = shop.request(), held.tap()
    first = load(request, tap, Money(500, "CNY"), tender="cash")

    again = load(request, tap, Money(500, "CNY"), tender="cash")

    assert facts(again) == facts(first)
    assert held.balance() == 10_500


def test_repeat_of_a_decline_is_declined_even_when_the_money_has_come(shop: Shop, held: HeldCard) -> None:
    request, tap = shop.request(), held.tap()
    first = redeem(request, tap, Money(10_001, "CNY"))
    shop.load(held, 50_000)

    again = redeem(request, tap, Money(10_001, "CNY"))

    assert (first.reason, again.reason, again.replayed) == ("insufficient_funds", "insufficient_funds", True)
    assert facts(again) == facts(first)
    assert held.balance() == 60_000


def test_repeat_of_a_decline_without_a_card_is_stored_as_well(shop: Shop, held: HeldCard) -> None:
    request = shop.request()
    unknown = held.tap().__class__(method="sun", lookup=b"n" * 32, counter=1)

    answers = [redeem(request, unknown, Money(1, "CNY")) for _ in range(2)]

    assert [(answer.reason, answer.replayed, answer.last_four) for answer in answers] == [
        ("card_unknown", False, None),
        ("card_unknown", True, None),
    ]


def test_same_id_with_other_content_is_an_error_and_moves_nothing(shop: Shop, held: HeldCard) -> None:
    first = shop.redeem(held, 100)
    before = figures()

    with pytest.raises(IdReused):
        shop.redeem(held, 100, id=first.id)
    with pytest.raises(IdReused):
        shop.load(held, 100, id=first.id)
    with pytest.raises(IdReused):
        shop.void(first.id, id=first.id)

    assert figures() == before
    assert held.balance() == 9_900


def test_same_sequence_with_another_id_is_an_error_and_moves_nothing(shop: Shop, held: HeldCard) -> None:
    shop.redeem(held, 100, sequence=900)
    before = figures()

    with pytest.raises(SequenceReused):
        shop.redeem(held, 100, sequence=900)
    with pytest.raises(SequenceReused):
        shop.reverse(uuid7(), sequence=900)

    assert figures() == before
    assert held.balance() == 9_900
    assert shop.redeem(held, 100).approved


def test_sequences_of_two_origins_do_not_meet(shop: Shop, held: HeldCard) -> None:
    assert shop.redeem(held, 100, sequence=900).approved
    assert shop.redeem(held, 100, sequence=900, origin=shop.counter).approved


def test_stored_answer_is_found_by_its_own_origin_only(shop: Shop, held: HeldCard) -> None:
    answer = shop.redeem(held, 100)

    assert find_answer(answer.id, origin_id=shop.terminal.id) is not None
    assert find_answer(answer.id, origin_id=None) is not None
    assert find_answer(answer.id, origin_id=shop.till.id) is None
    assert find_answer(uuid7(), origin_id=None) is None


def test_declined_tap_is_spent_too(shop: Shop, held: HeldCard) -> None:
    tap = held.tap()
    assert redeem(shop.request(), tap, Money(99_999, "CNY")).reason == "insufficient_funds"

    assert redeem(shop.request(), tap, Money(1, "CNY")).reason == "credential_replayed"


def test_older_tap_is_refused_and_gaps_are_normal(shop: Shop, held: HeldCard) -> None:
    early, _, late = held.tap(), held.tap(), held.tap()

    reasons = [redeem(shop.request(), tap, Money(1, "CNY")).reason for tap in (late, early, held.tap())]

    assert reasons == [None, "credential_replayed", None]


def test_partial_approval_gives_what_is_there(shop: Shop, held: HeldCard) -> None:
    answer = shop.redeem(held, 12_000, partial=True)
    nothing_left = shop.redeem(held, 1, partial=True)

    assert (answer.outcome, answer.approved_minor, answer.balance_minor) == ("approved", 10_000, 0)
    assert nothing_left.reason == "insufficient_funds"
    assert_ledger_is_clean()


def test_day_counters_begin_again_with_the_business_date(shop: Shop, held: HeldCard) -> None:
    type(shop.program).objects.filter(pk=shop.program.pk).update(redeem_day_max=1_000)
    from datetime import timedelta

    assert shop.redeem(held, 1_000).approved
    assert shop.redeem(held, 1).reason == "limit_day"
    # 16:00 UTC is midnight in Shanghai.
    assert shop.redeem(held, 1, recorded_at=shop.at + timedelta(hours=11, minutes=59)).reason == "limit_day"
    assert shop.redeem(held, 1_000, recorded_at=shop.at + timedelta(hours=12)).approved
