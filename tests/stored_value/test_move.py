"""Moves and merges: lots stay what they are, both sides are posted under one id, a void takes all back."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import psycopg
import pytest
from django.db import connection

from prepaid.cards.models import Card, CardEvent
from prepaid.ledger.errors import IdReused
from prepaid.money import Money
from prepaid.stored_value.answers import Answer
from prepaid.stored_value.hold import hold
from prepaid.stored_value.move import merge, move
from prepaid.stored_value.return_card import return_card
from prepaid.stored_value.undo import void
from tests.shop import HeldCard, Shop, assert_ledger_is_clean, figures, open_shop
from tests.stored_value.lots import add_lot, lots_of

pytestmark = pytest.mark.usefixtures("committed_db")
SOON, LATER = date(2026, 12, 24), date(2027, 12, 24)


@pytest.fixture
def shop() -> Shop:
    return open_shop()


def at_the_till(shop: Shop, **changed: Any) -> Any:
    return shop.request(origin=shop.counter, sequence=None, **changed)


def moved(shop: Shop, source: HeldCard, target: HeldCard, amount: int, **changed: Any) -> Answer:
    request = at_the_till(shop, **changed)
    return move(request, source.card.id, target.card.id, Money(amount, shop.program.currency))


def merged(shop: Shop, source: HeldCard, target: HeldCard, **changed: Any) -> Answer:
    return merge(at_the_till(shop, **changed), source.card.id, target.card.id, reason="two cards, one holder")


def states(*held: HeldCard) -> list[str]:
    return [Card.objects.get(pk=one.card.pk).state for one in held]


def test_move_takes_lots_as_a_redeem_would_and_each_stays_what_it_was(shop: Shop) -> None:
    source, target = shop.card(balance=1_000), shop.card(balance=50)
    add_lot(source, shop, 300, bonus=True, expires_on=SOON, campaign="autumn")
    add_lot(source, shop, 200, bonus=False, expires_on=LATER)

    answer = moved(shop, source, target, 400)

    assert (answer.outcome, answer.type, answer.approved_minor) == ("approved", "move", 400)
    assert (answer.balance_minor, answer.available_minor, answer.card_id) == (1_100, 1_100, source.card.id)
    assert answer.money_moved
    assert lots_of(source) == [
        '(f,1000,,cash,"")',
        '(f,100,2027-12-24,cash,"")',
    ]
    assert lots_of(target) == [
        '(f,50,,cash,"")',
        "(t,300,2026-12-24,promotion,autumn)",
        '(f,100,2027-12-24,cash,"")',
    ]
    assert (target.row("loaded_today"), source.row("redeemed_today")) == (50, 0)
    assert_ledger_is_clean()


def test_move_is_two_chain_entries_under_one_id_in_one_commit(shop: Shop) -> None:
    source, target = shop.card(balance=1_000), shop.card()

    answer = moved(shop, source, target, 400)

    with connection.cursor() as cursor:
        cursor.execute(
            "select account_id, type, amount, balance_after, xmin::text, xid::text from ledger_transaction "
            "where account_id = any(%s) and id = %s order by type desc",
            [[source.account_id, target.account_id], answer.id],
        )
        given, taken = cursor.fetchall()
    assert given[:4] == (source.account_id, "move_out", 400, 600)
    assert taken[:4] == (target.account_id, "move_in", 400, 400)
    assert given[4:] == taken[4:]
    assert_ledger_is_clean()


def test_repeat_of_a_move_gives_the_first_answer_and_other_content_is_refused(shop: Shop) -> None:
    source, target = shop.card(balance=1_000), shop.card()
    request = at_the_till(shop)
    first = move(request, source.card.id, target.card.id, Money(400, "CNY"))
    before = figures()

    again = move(request, source.card.id, target.card.id, Money(400, "CNY"))

    assert (again.replayed, again.hash, again.approved_minor) == (True, first.hash, 400)
    with pytest.raises(IdReused):
        moved(shop, source, target, 400, id=request.id)
    assert figures() == before


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        ("source blocked", "card_blocked"),
        ("target lost", "card_lost"),
        ("target expired", "card_expired"),
        ("source of another store", "out_of_scope"),
        ("target of another currency", "currency_mismatch"),
        ("one account", "type_not_allowed"),
        ("nothing may move", "type_not_allowed"),
        ("another program", "type_not_allowed"),
        ("target would hold too much", "limit_balance"),
        ("held", "insufficient_because_of_hold"),
        ("too much", "insufficient_funds"),
    ],
)
def test_refused_move_says_why_and_moves_nothing(shop: Shop, case: str, reason: str) -> None:
    source, other = shop.card(balance=1_000), open_shop()
    target, amount = shop.card(balance=100), 400
    program = shop.program
    if case == "source blocked":
        Card.objects.filter(pk=source.card.pk).update(state="blocked")
    elif case == "target lost":
        Card.objects.filter(pk=target.card.pk).update(state="lost")
    elif case == "target expired":
        Card.objects.filter(pk=target.card.pk).update(expires_on=date(2026, 11, 22))
    elif case == "source of another store":
        program.scope_store_ids = [other.store.id]
    elif case == "target of another currency":
        abroad = open_shop(currency="USD")
        target = abroad.card()
    elif case == "one account":
        target = HeldCard(
            card=Card.objects.create(
                account=source.card.account, program=program, last_four="1", state="active", issued_at=shop.at
            ),
            credential=source.credential,
        )
    elif case == "nothing may move":
        program.moves_to = "nothing"
    elif case == "another program":
        program.moves_to = "same_program"
        target = other.card()
    elif case == "target would hold too much":
        program.balance_max = 499
    elif case == "held":
        hold(shop.request(), source.tap(), Money(700, "CNY"), expires_at=shop.at + timedelta(hours=1))
    else:
        amount = 1_001
    program.save()
    before = figures()

    answer = moved(shop, source, target, amount)

    assert (answer.outcome, answer.reason, answer.approved_minor) == ("declined", reason, 0)
    assert (answer.balance_minor, answer.available_minor) == (None, None)
    assert figures() == before
    assert_ledger_is_clean()


def test_move_of_a_currency_that_the_store_does_not_trade_in_is_declined(shop: Shop) -> None:
    source, target = shop.card(balance=1_000), shop.card()
    before = figures()

    answer = move(at_the_till(shop), source.card.id, target.card.id, Money(100, "USD"))

    assert (answer.reason, figures()) == ("currency_mismatch", before)


def test_void_of_a_move_restores_both_accounts(shop: Shop) -> None:
    source, target = shop.card(balance=1_000), shop.card(balance=70)
    add_lot(source, shop, 300, bonus=True, expires_on=SOON, campaign="autumn")
    lots = (source.row("lots::text"), target.row("lots::text"))
    original = moved(shop, source, target, 400)

    answer = shop.void(original.id, origin=shop.counter, sequence=None)

    assert (answer.outcome, answer.approved_minor, answer.balance_minor) == ("approved", 400, 1_300)
    assert answer.card_id == source.card.id
    assert (source.row("lots::text"), target.row("lots::text")) == lots
    assert shop.void(original.id, origin=shop.counter, sequence=None).reason == "already_reversed"
    assert_ledger_is_clean()


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        ("spent", "insufficient_funds"),
        ("held", "insufficient_because_of_hold"),
        ("of another store", "original_unknown"),
        ("of yesterday", "original_not_reversible"),
        ("moved on", "insufficient_funds"),
    ],
)
def test_void_of_a_move_that_cannot_be_undone_moves_nothing(shop: Shop, case: str, reason: str) -> None:
    source, target = shop.card(balance=1_000), shop.card(balance=70)
    original, origin, at = moved(shop, source, target, 400), shop.counter, shop.at
    if case == "spent":
        assert shop.redeem(target, 71).approved
    elif case == "held":
        hold(shop.request(), target.tap(), Money(71, "CNY"), expires_at=shop.at + timedelta(hours=1))
    elif case == "of another store":
        origin = open_shop().counter
    elif case == "of yesterday":
        at += timedelta(days=1)
    else:
        assert moved(shop, target, shop.card(), 71).approved
    before = figures()

    answer = shop.void(original.id, origin=origin, sequence=None, recorded_at=at)

    assert (answer.outcome, answer.reason, figures()) == ("declined", reason, before)
    assert_ledger_is_clean()


def test_merge_moves_everything_and_closes_the_cards_that_gave(shop: Shop) -> None:
    source, target = shop.card(balance=1_000), shop.card(balance=70)
    add_lot(source, shop, 300, bonus=True, expires_on=date(2026, 11, 1), campaign="summer")
    second = Card.objects.create(
        account=source.card.account, program=shop.program, last_four="2222", state="lost", issued_at=shop.at
    )

    answer = merged(shop, source, target)

    assert (answer.outcome, answer.approved_minor, answer.balance_minor) == ("approved", 1_300, 0)
    assert (source.balance(), target.balance()) == (0, 1_370)
    # What had expired stays expired: it moved, and is not to be spent.
    assert shop.redeem(target, 1_071).reason == "insufficient_funds"
    assert states(source, target) == ["closed", "active"]
    assert Card.objects.get(pk=second.pk).state == "closed"
    event = CardEvent.objects.get(card=source.card, change="close")
    assert (event.from_state, event.reason, event.actor, event.transaction_id) == (
        "active",
        "two cards, one holder",
        "op-1",
        answer.id,
    )
    assert shop.redeem(source, 1).reason == "card_closed"
    assert_ledger_is_clean()


def test_merge_of_an_empty_account_closes_its_cards_and_moves_nothing(shop: Shop) -> None:
    source, target = shop.card(), shop.card(balance=70)
    before = figures()

    answer = merged(shop, source, target)

    assert (answer.outcome, answer.approved_minor, answer.money_moved) == ("approved", 0, False)
    assert states(source) == ["closed"]
    assert figures() == before
    assert_ledger_is_clean()


def test_void_of_a_merge_lets_the_cards_run_again(shop: Shop) -> None:
    source, target = shop.card(balance=1_000), shop.card(balance=70)
    lost = Card.objects.create(
        account=source.card.account, program=shop.program, last_four="2222", state="lost", issued_at=shop.at
    )
    original = merged(shop, source, target)

    later = shop.at + timedelta(minutes=1)
    answer = shop.void(original.id, origin=shop.counter, sequence=None, recorded_at=later)

    assert (answer.approved_minor, source.balance(), target.balance()) == (1_000, 1_000, 70)
    assert states(source) == ["active"]
    event = CardEvent.objects.filter(card=source.card).last()
    assert event is not None
    assert (event.change, event.from_state, event.to_state) == ("reopen", "closed", "active")
    assert Card.objects.get(pk=lost.pk).state == "closed"
    assert shop.redeem(source, 1).approved
    assert_ledger_is_clean()


@pytest.mark.parametrize("how", ["merge", "card_return"])
def test_void_of_what_closed_an_empty_card_lets_it_run_again_once(shop: Shop, how: str) -> None:
    source, target = shop.card(), shop.card(balance=70)
    lost = Card.objects.create(
        account=source.card.account, program=shop.program, last_four="2222", state="lost", issued_at=shop.at
    )

    def closed() -> Answer:
        if how == "merge":
            return merged(shop, source, target)
        Card.objects.filter(pk=lost.pk).update(state="closed")
        return return_card(at_the_till(shop), source.card.id, paid_minor=0, tender="cash", note="asked for")

    original, before = closed(), figures()
    later = shop.at + timedelta(minutes=1)
    asked = at_the_till(shop, recorded_at=later)
    elsewhere = void(at_the_till(open_shop()), original.id)
    tomorrow = void(at_the_till(shop, occurred_at=later, recorded_at=later + timedelta(days=1)), original.id)
    reasons = [elsewhere.reason, tomorrow.reason, states(source)]

    answer, again = void(asked, original.id), void(asked, original.id)
    second = void(at_the_till(shop), original.id)

    assert reasons == ["original_unknown", "original_not_reversible", ["closed"]]
    assert (answer.outcome, answer.approved_minor, answer.money_moved) == ("approved", 0, False)
    assert (again.replayed, again.outcome, again.undoes) == (True, "approved", answer.undoes)
    assert (second.reason, states(source), lost_state(lost)) == ("already_reversed", ["active"], "closed")
    event = CardEvent.objects.filter(card=source.card).last()
    assert event is not None
    assert (event.change, event.from_state, event.to_state, event.transaction_id, event.at) == (
        "reopen", "closed", "active", answer.id, later,
    )  # fmt: skip
    assert figures() == before
    # What closes it anew is another transaction: the void of the first one does not reach it.
    next_one = closed()
    assert void(at_the_till(shop), original.id).reason == "already_reversed"
    assert states(source) == ["closed"]
    assert shop.reverse(next_one.id, origin=shop.counter, sequence=None).outcome == "approved"
    assert shop.reverse(next_one.id, origin=shop.counter, sequence=None).outcome == "approved"
    assert states(source) == ["active"]
    assert CardEvent.objects.filter(card=source.card, change="reopen").count() == 2
    assert figures() == before
    assert_ledger_is_clean()


def lost_state(card: Card) -> str:
    return Card.objects.get(pk=card.pk).state


def test_an_empty_card_that_was_replaced_since_is_not_opened_by_a_void(shop: Shop) -> None:
    source, target = shop.card(), shop.card()
    original = merged(shop, source, target)
    Card.objects.create(
        account=source.card.account, program=shop.program, last_four="2222", state="active",
        issued_at=shop.at, replaces=source.card,
    )  # fmt: skip

    assert void(at_the_till(shop), original.id).reason == "original_not_reversible"
    assert states(source) == ["closed"]


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        ("held", "insufficient_because_of_hold"),
        ("full", "limit_balance"),
        ("bonus to come", "type_not_allowed"),
    ],
)
def test_refused_merge_closes_no_card_and_moves_nothing(shop: Shop, case: str, reason: str) -> None:
    source, target = shop.card(balance=1_000), shop.card(balance=70)
    if case == "held":
        hold(shop.request(), source.tap(), Money(1, "CNY"), expires_at=shop.at + timedelta(hours=1))
    elif case == "bonus to come":
        shop.offer(1, 2, instalments=2)
        assert shop.load_at_desk(source, 1).approved
    else:
        shop.program.balance_max = 1_069
        shop.program.save()
    before = figures()

    answer = merged(shop, source, target)

    assert (answer.reason, figures(), states(source)) == (reason, before, ["active"])
    assert not CardEvent.objects.filter(card=source.card, change="close").exists()


def test_a_lot_that_is_not_as_its_source_is_refused_by_the_ledger(
    shop: Shop, owner: psycopg.Connection[tuple[object, ...]]
) -> None:
    source, target = shop.card(balance=1_000), shop.card(balance=70)
    add_lot(source, shop, 70, bonus=True, expires_on=SOON)

    with pytest.raises(psycopg.errors.CheckViolation, match="ledger_lot_source_alike"):
        owner.execute(
            "insert into ledger_lot_source values (%s, 1, %s, 2)", [target.account_id, source.account_id]
        )


def test_reversal_of_a_move_is_repeated_at_any_time_and_moves_once(shop: Shop) -> None:
    source, target = shop.card(balance=500), shop.card()
    original = move(shop.request(), source.card.id, target.card.id, Money(200, "CNY"))
    first = shop.reverse(original.id)
    before = figures()

    again = shop.reverse(original.id, recorded_at=shop.at + timedelta(days=40))

    assert (first.approved_minor, first.undoes, first.money_moved) == (200, "move", True)
    assert (again.outcome, again.approved_minor, again.balance_minor) == ("approved", 0, 500)
    assert (again.money_moved, figures()) == (False, before)
    assert_ledger_is_clean()
