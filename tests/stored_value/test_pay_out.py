"""Cash-out and card return: exact parts leave exact lots; the card is closed in the same commit or not."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection

from prepaid.cards.lifecycle import rule_of
from prepaid.cards.models import Card, CardEvent
from prepaid.ledger.errors import IdReused
from prepaid.money import Money
from prepaid.stored_value.answers import Answer
from prepaid.stored_value.calls import find_answer
from prepaid.stored_value.cash_out import cash_out
from prepaid.stored_value.hold import hold
from prepaid.stored_value.pay_out import Parts
from prepaid.stored_value.return_card import return_card
from tests.shop import HeldCard, Shop, assert_ledger_is_clean, figures, open_shop, together
from tests.stored_value.lots import add_lot, lots_of
from tests.stored_value.races import MEET, take_out

pytestmark = pytest.mark.usefixtures("committed_db")
SOON, GONE = date(2026, 12, 24), date(2026, 11, 22)


@pytest.fixture
def shop() -> Shop:
    return open_shop()


@pytest.fixture
def held(shop: Shop) -> HeldCard:
    """1,000 paid and 300 bonus."""
    held = shop.card(balance=1_000)
    add_lot(held, shop, 300, bonus=True, expires_on=SOON, campaign="autumn")
    return held


def at_the_till(shop: Shop, **changed: Any) -> Any:
    return shop.request(origin=shop.counter, sequence=None, **changed)


def returned(shop: Shop, held: HeldCard, **parts: Any) -> Answer:
    asked: dict[str, Any] = {"paid_minor": 1_000, "tender": "bank_transfer", "note": "moved away"}
    return return_card(at_the_till(shop), held.card.id, **asked | parts)


def state(held: HeldCard) -> str:
    return Card.objects.get(pk=held.card.pk).state


def went_to(answer: Answer) -> dict[str, int]:
    """Add up where the value of a transaction went, by kind of general account."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select general.kind, sum(transfer.amount)::bigint from ledger_answer as answer "
            "join ledger_transfer as transfer using (account_id, position) "
            "join ledger_general_account as general on general.id = transfer.credit_account "
            "where answer.id = %s group by 1",
            [answer.id],
        )
        return dict(cursor.fetchall())


def test_cash_out_pays_from_paid_lots_and_leaves_bonus_and_card(shop: Shop, held: HeldCard) -> None:
    answer = cash_out(at_the_till(shop), held.card.id, paid_minor=250, tender="cash")

    assert (answer.outcome, answer.type, answer.approved_minor, answer.balance_minor) == (
        "approved",
        "cash_out",
        250,
        1_050,
    )
    assert went_to(answer) == {"cash": 250}
    assert lots_of(held) == ['(f,750,,cash,"")', "(t,300,2026-12-24,promotion,autumn)"]
    assert state(held) == "active"
    assert held.row("redeemed_today") == 0
    assert_ledger_is_clean()


def test_card_return_pays_forfeits_and_closes_in_one_commit(shop: Shop, held: HeldCard) -> None:
    answer = returned(shop, held, paid_minor=900, forfeited_bonus_minor=300, retained_minor=100)

    assert (answer.outcome, answer.approved_minor, answer.balance_minor) == ("approved", 1_300, 0)
    assert went_to(answer) == {"bank_transfer": 900, "promotion": 300, "fees": 100}
    assert state(held) == "closed"
    event = CardEvent.objects.get(card=held.card, change="close")
    assert (event.reason, event.actor, event.at, event.transaction_id) == (
        "moved away",
        "op-1",
        shop.at,
        answer.id,
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "select (select xmin::text from cards_card where id = %s), "
            "(select xmin::text from ledger_transaction where id = %s)",
            [held.card.id, answer.id],
        )
        closed, posted = cursor.fetchone()
    assert closed == posted
    assert shop.load_at_desk(held, 1).reason == "card_closed"
    assert_ledger_is_clean()


def test_card_return_of_a_program_that_spends_paid_value_first_pays_from_bonus(shop: Shop) -> None:
    held = shop.card(balance=3_000)
    add_lot(held, shop, 1_000, bonus=True, expires_on=None)
    shop.program.consumption_order = "paid_first"
    shop.program.save()
    add_lot(held, shop, 1, expires_on=SOON)
    assert shop.redeem(held, 3_001 + 594).approved

    answer = returned(shop, held, paid_minor=0, paid_from_bonus_minor=305, forfeited_bonus_minor=101)

    assert (answer.reason, answer.approved_minor, went_to(answer)) == (
        None,
        406,
        {"bank_transfer": 305, "promotion": 101},
    )
    assert_ledger_is_clean()


def test_repeat_of_a_return_gives_the_first_answer(shop: Shop, held: HeldCard) -> None:
    request = at_the_till(shop)
    parts: dict[str, Any] = {"paid_minor": 1_000, "forfeited_bonus_minor": 300, "tender": "cash", "note": "x"}
    first = return_card(request, held.card.id, **parts)
    before = figures()

    again = return_card(request, held.card.id, **parts)

    assert (again.replayed, again.hash, again.outcome) == (True, first.hash, "approved")
    with pytest.raises(IdReused):
        return_card(at_the_till(shop, id=request.id), held.card.id, **parts)
    assert figures() == before
    assert CardEvent.objects.filter(card=held.card, change="close").count() == 1


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ({"paid_minor": 1_001, "forfeited_bonus_minor": 300}, "insufficient_funds"),
        ({"paid_minor": 1_000, "forfeited_bonus_minor": 301}, "insufficient_funds"),
        ({"paid_minor": 900, "retained_minor": 101, "forfeited_bonus_minor": 300}, "insufficient_funds"),
        ({"paid_minor": 0, "paid_from_bonus_minor": 301, "closes": False}, "insufficient_funds"),
        ({"paid_minor": 1_000}, "type_not_allowed"),
        ({"paid_minor": 1_000, "forfeited_bonus_minor": 300, "tender": "alipay"}, "type_not_allowed"),
    ],
)
def test_refused_return_moves_nothing_and_closes_nothing(
    shop: Shop, held: HeldCard, parts: dict[str, Any], reason: str
) -> None:
    before = figures()

    answer = returned(shop, held, **parts)

    assert (answer.outcome, answer.reason, answer.approved_minor) == ("declined", reason, 0)
    assert (figures(), state(held)) == (before, "active")
    assert not CardEvent.objects.filter(card=held.card, change="close").exists()
    assert_ledger_is_clean()


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        ("blocked", "card_blocked"),
        ("lost", "card_lost"),
        ("closed", "card_closed"),
        ("expired", "card_expired"),
        ("held", "insufficient_because_of_hold"),
        ("elsewhere", "out_of_scope"),
    ],
)
def test_return_of_a_card_that_may_not_be_returned_moves_nothing(
    shop: Shop, held: HeldCard, case: str, reason: str
) -> None:
    if case == "held":
        hold(shop.request(), held.tap(), Money(1, "CNY"), expires_at=shop.at + timedelta(hours=1))
    elif case == "expired":
        Card.objects.filter(pk=held.card.pk).update(expires_on=GONE)
    elif case == "elsewhere":
        shop.program.scope_store_ids = [open_shop().store.id]
        shop.program.save()
    else:
        Card.objects.filter(pk=held.card.pk).update(state=case)
    before = figures()

    answer = returned(shop, held, forfeited_bonus_minor=300)

    assert (answer.reason, figures()) == (reason, before)
    assert_ledger_is_clean()


def test_cash_out_leaves_what_is_held(shop: Shop, held: HeldCard) -> None:
    hold(shop.request(), held.tap(), Money(600, "CNY"), expires_at=shop.at + timedelta(hours=1))

    refused = cash_out(at_the_till(shop), held.card.id, paid_minor=701, tender="cash")
    paid = cash_out(at_the_till(shop), held.card.id, paid_minor=700, tender="cash")

    assert (refused.reason, paid.outcome, held.balance()) == ("insufficient_because_of_hold", "approved", 600)
    assert_ledger_is_clean()


def test_empty_card_is_closed_without_a_posting(shop: Shop) -> None:
    held = shop.card()
    before = figures()

    answer = cash_out(at_the_till(shop), held.card.id, paid_minor=0, tender="cash", closes_because="unused")

    assert (answer.outcome, answer.money_moved, figures(), state(held)) == (
        "approved",
        False,
        before,
        "closed",
    )
    assert_ledger_is_clean()


def test_one_of_two_cards_is_closed_while_the_other_keeps_the_value(shop: Shop, held: HeldCard) -> None:
    other = Card.objects.create(
        account=held.card.account, program=shop.program, last_four="2222", state="active", issued_at=shop.at
    )

    first = cash_out(at_the_till(shop), other.id, paid_minor=0, tender="cash", closes_because="one too many")
    second = cash_out(at_the_till(shop), held.card.id, paid_minor=0, tender="cash", closes_because="last")

    assert (first.outcome, second.reason) == ("approved", "type_not_allowed")
    assert (state(held), held.balance()) == ("active", 1_300)
    assert_ledger_is_clean()


def test_expired_value_stays_behind_a_closed_card(shop: Shop) -> None:
    held = shop.card(balance=100)
    add_lot(held, shop, 50, expires_on=GONE)

    answer = returned(shop, held, paid_minor=100)

    assert (answer.outcome, held.balance(), state(held)) == ("approved", 50, "closed")
    assert_ledger_is_clean()


def test_void_of_a_return_puts_the_very_lots_back_and_lets_the_card_run_again(
    shop: Shop, held: HeldCard
) -> None:
    lots = held.row("lots::text")
    original = returned(shop, held, forfeited_bonus_minor=300)
    later = shop.at + timedelta(minutes=1)

    answer = shop.void(original.id, origin=shop.counter, sequence=None, recorded_at=later)

    assert (answer.outcome, answer.approved_minor, answer.balance_minor) == ("approved", 1_300, 1_300)
    assert (held.row("lots::text"), state(held)) == (lots, "active")
    event = CardEvent.objects.filter(card=held.card).last()
    assert event is not None
    rule = rule_of("reopen")
    assert (event.change, [event.from_state], event.transaction_id) == (
        rule.change,
        list(rule.before),
        answer.id,
    )
    assert event.to_state == rule.after
    before = figures()
    assert shop.void(original.id, origin=shop.counter, sequence=None).reason == "already_reversed"
    tomorrow = shop.at + timedelta(days=1)
    second = cash_out(at_the_till(shop), held.card.id, paid_minor=10, tender="cash")
    late = shop.void(second.id, origin=shop.counter, sequence=None, recorded_at=tomorrow)
    assert (late.reason, figures()[1]) == ("original_not_reversible", before[1])
    assert_ledger_is_clean()


def test_void_of_a_card_blocked_meanwhile_leaves_the_block(shop: Shop, held: HeldCard) -> None:
    original = cash_out(at_the_till(shop), held.card.id, paid_minor=100, tender="cash")
    Card.objects.filter(pk=held.card.pk).update(state="blocked")

    assert shop.void(original.id, origin=shop.counter, sequence=None).approved
    assert (state(held), held.balance()) == ("blocked", 1_300)


@pytest.mark.parametrize("parts", [{"paid_minor": -1}, {"paid_minor": 1, "retained_minor": -1}])
def test_an_amount_below_zero_is_refused_before_the_database(parts: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="below zero"):
        Parts(**parts)
    with pytest.raises(TypeError):
        Parts(paid_minor=1.5)  # type: ignore[arg-type]


def race_to_return(shop: Shop, held: HeldCard) -> list[Answer]:
    requests = [at_the_till(shop) for _ in range(20)]
    results = together(
        [
            lambda request=request: cash_out(request, held.card.id, paid_minor=100, tender="cash")  # type: ignore[misc]
            for request in requests
        ]
    )
    return [result for result in results if isinstance(result, Answer)]


@pytest.mark.race
def test_twenty_cash_outs_at_once_pay_what_is_there_once(shop: Shop) -> None:
    held = shop.card(balance=700)

    answers = race_to_return(shop, held)

    assert len(answers) == 20
    assert sum(one.approved_minor for one in answers) == 700
    assert {one.reason for one in answers} == {None, "insufficient_funds"}
    assert_ledger_is_clean()


@pytest.mark.race
def test_without_the_lock_on_the_account_some_cash_outs_are_not_answered_so(scratch_db: str) -> None:
    shop = open_shop()
    held = shop.card(balance=700)
    take_out(
        "stored_value_pay_out",
        "where id = v_card.account_id for update;",
        instead=f"where id = v_card.account_id; perform {MEET};",
    )

    answers = race_to_return(shop, held)

    assert sum(one.approved_minor for one in answers) != 700


def test_undone_payout_tells_what_it_undid_and_its_reversal_is_repeated(shop: Shop, held: HeldCard) -> None:
    original = cash_out(shop.request(), held.card.id, paid_minor=100, tender="cash")
    first = shop.reverse(original.id)
    before = figures()

    again = shop.reverse(original.id)

    assert (first.approved_minor, first.undoes) == (100, "cash_out")
    assert find_answer(first.id, origin_id=None) == replace(first, replayed=True)
    assert (again.outcome, again.approved_minor, again.money_moved) == ("approved", 0, False)
    assert figures() == before
    assert_ledger_is_clean()
