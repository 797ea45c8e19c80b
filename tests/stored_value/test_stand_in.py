"""Advices are recorded and never declined: value, shortfall, recovery, findings, repeats, races."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import cast

import pytest
from django.db import connection

from prepaid.cards.lifecycle import Change, change_state
from prepaid.cards.presentation import Presentation
from prepaid.identifiers import uuid7
from prepaid.ledger.errors import IdReused
from prepaid.money import Money
from prepaid.stored_value.answers import Answer
from prepaid.stored_value.approvals.payloads import RefundUnlinked
from prepaid.stored_value.cash_out import cash_out
from prepaid.stored_value.hold import hold
from prepaid.stored_value.load import load
from prepaid.stored_value.move import move
from prepaid.stored_value.redeem import redeem
from prepaid.stored_value.refund import refund
from prepaid.stored_value.stand_in import advise_load, unknown_account_id
from tests.offline import LIMITS, advise, allow, lent, told_of
from tests.shop import HeldCard, Shop, assert_ledger_is_clean, figures, open_shop
from tests.stored_value.people import asked_by, hire

pytestmark = pytest.mark.usefixtures("committed_db")


@pytest.fixture
def shop() -> Iterator[Shop]:
    yield open_shop()
    assert_ledger_is_clean()


def earned(shop: Shop) -> int:
    """What the store has sold for, net. Minor units."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select coalesce(sum(case when credit_account = account.id then amount else -amount end), 0) "
            "from ledger_general_account as account join ledger_transfer as transfer "
            "on account.id in (debit_account, credit_account) "
            "where account.owner_id = %s and account.kind = 'merchant'",
            [shop.store.id],
        )
        return int(cursor.fetchone()[0])


def test_what_the_card_covers_is_redeemed_as_any_other(shop: Shop) -> None:
    held, grant = shop.card(balance=6_000), allow(shop)

    answer = advise(shop, held, 1_250, grant)

    assert (answer.outcome, answer.approved_minor, answer.balance_minor) == ("approved", 1_250, 4_750)
    assert told_of(answer.id) == ([], None, 0)
    assert (held.balance(), held.row("shortfall"), lent(shop), earned(shop)) == (4_750, 0, 0, 1_250)


def test_what_the_card_lacks_is_its_shortfall_and_the_store_is_paid_whole(shop: Shop) -> None:
    held, grant = shop.card(balance=300), allow(shop)

    answer = advise(shop, held, 1_000, grant)

    assert (answer.outcome, answer.approved_minor, answer.balance_minor) == ("approved", 1_000, 0)
    assert told_of(answer.id) == (["shortfall"], None, 700)
    assert (held.balance(), held.row("shortfall"), lent(shop), earned(shop)) == (0, 700, 700, 1_000)


def test_what_is_held_stays_held_and_is_not_spent_by_an_advice(shop: Shop) -> None:
    held, grant = shop.card(balance=1_000), allow(shop)
    placed = hold(shop.request(), held.tap(), Money(800, "CNY"), expires_at=shop.at + timedelta(hours=1))
    assert placed.approved

    answer = advise(shop, held, 500, grant)

    assert told_of(answer.id)[2] == 300
    assert (held.balance(), held.row("held"), held.row("shortfall")) == (800, 800, 300)


def test_the_next_loads_recover_the_shortfall_first(shop: Shop) -> None:
    held, grant = shop.card(balance=300), allow(shop)
    advise(shop, held, 1_000, grant)

    first, second = shop.load(held, 500), shop.load(held, 1_000)

    assert (first.balance_minor, first.available_minor) == (0, 0)
    assert (second.balance_minor, second.available_minor) == (800, 800)
    assert (held.balance(), held.row("shortfall"), lent(shop)) == (800, 0, 0)
    assert shop.redeem(held, 800).approved


def test_several_shortfalls_of_two_stores_are_recovered_oldest_first(shop: Shop) -> None:
    other = open_shop()
    held = shop.card()
    here, there = allow(shop), allow(other)
    advise(shop, held, 400, here)
    advise(other, held, 600, there)

    shop.load(held, 500)

    assert (lent(shop), lent(other), held.row("shortfall")) == (0, 500, 500)


def test_a_repeated_load_recovers_nothing_twice(shop: Shop) -> None:
    held, grant = shop.card(), allow(shop)
    advise(shop, held, 400, grant)
    sent, digest = uuid7(), os.urandom(32)
    tap = held.tap()
    answers = [
        load(shop.request(id=sent, digest=digest, sequence=90), tap, Money(1_000, "CNY"), tender="cash")
        for _ in range(2)
    ]

    assert [answer.balance_minor for answer in answers] == [600, 600]
    assert [answer.replayed for answer in answers] == [False, True]
    assert (held.balance(), lent(shop)) == (600, 0)


def test_an_undone_purchase_gives_back_what_was_lent_before_what_was_paid(shop: Shop) -> None:
    held, grant = shop.card(balance=300), allow(shop)
    sold = advise(shop, held, 1_000, grant)

    undone = shop.reverse(sold.id)

    assert (undone.approved_minor, undone.balance_minor) == (1_000, 300)
    assert (held.balance(), held.row("shortfall"), lent(shop), earned(shop)) == (300, 0, 0, 0)
    with connection.cursor() as cursor:
        cursor.execute(
            "select lot.tender from ledger_account as account, unnest(account.lots) as open "
            "join ledger_lot as lot on lot.account_id = %s and lot.lot_no = open.lot_no "
            "where account.id = %s",
            [held.account_id, held.account_id],
        )
        assert cursor.fetchall() == [("cash",)]


def test_a_refund_goes_to_the_shortfall(shop: Shop) -> None:
    held, grant = shop.card(balance=300), allow(shop)
    sold = advise(shop, held, 1_000, grant)

    given = refund(shop.request(), sold.id, Money(450, "CNY"))

    assert (given.outcome, given.balance_minor) == ("approved", 0)
    assert (held.balance(), held.row("shortfall"), lent(shop)) == (0, 250, 250)


def void_of_a_cash_out(shop: Shop, held: HeldCard) -> Callable[[], Answer]:
    paid = cash_out(shop.request(), held.card.id, paid_minor=450, tender="cash")
    return lambda: shop.void(paid.id)


def void_of_a_move(shop: Shop, held: HeldCard) -> Callable[[], Answer]:
    moved = move(shop.request(), held.card.id, shop.card().card.id, Money(450, "CNY"))
    return lambda: shop.void(moved.id)


def a_refund_without_an_original(shop: Shop, held: HeldCard) -> Callable[[], Answer]:
    assert shop.redeem(held, 450).approved
    shop.program.refund_unlinked_alone_max = None
    shop.program.save()
    asked = RefundUnlinked(card_id=held.card.id, amount_minor=450, currency="CNY")
    return lambda: cast(Answer, asked_by(hire(shop), asked).answer)


@pytest.mark.parametrize("spend", [void_of_a_cash_out, void_of_a_move, a_refund_without_an_original])
def test_whatever_comes_back_goes_to_the_shortfall(
    shop: Shop, spend: Callable[[Shop, HeldCard], Callable[[], Answer]]
) -> None:
    held, grant = shop.card(balance=450), allow(shop)
    come_back = spend(shop, held)
    advise(shop, held, 400, grant)

    answer = come_back()

    assert (answer.outcome, answer.balance_minor, answer.available_minor) == ("approved", 50, 50)
    assert (held.balance(), held.row("shortfall"), lent(shop)) == (50, 0, 0)


def test_the_void_of_a_refund_of_a_card_that_proved_nothing_knows_its_account(shop: Shop) -> None:
    sold = advise(shop, shop.card(), 500, allow(shop), presentation=Presentation("qr", lookup=b"?" * 32))
    given = refund(shop.request(), sold.id, Money(450, "CNY"))
    kept = lent(shop)

    # What came back was owed: there is nothing left to take it from.
    undone = shop.void(given.id)

    assert (given.outcome, undone.outcome, undone.reason) == ("approved", "declined", "insufficient_funds")
    assert (undone.balance_minor, lent(shop), kept) == (0, 50, 50)


def test_repeats_change_nothing_and_other_content_is_refused(shop: Shop) -> None:
    held, grant = shop.card(balance=300), allow(shop)
    sent, digest, tap = uuid7(), os.urandom(32), held.tap()
    first = advise(shop, held, 1_000, grant, id=sent, digest=digest, sequence=50, presentation=tap)
    before = figures()

    again = advise(shop, held, 1_000, grant, id=sent, digest=digest, sequence=50, presentation=tap)
    with pytest.raises(IdReused):
        advise(shop, held, 999, grant, id=sent, digest=os.urandom(32), sequence=50, presentation=tap)

    assert (again.replayed, again.hash, again.balance_minor) == (True, first.hash, 0)
    assert figures() == before
    assert held.row("shortfall") == 700


def test_a_reversal_that_came_first_keeps_its_advice_from_moving_anything(shop: Shop) -> None:
    held, grant, sold = shop.card(balance=300), allow(shop), uuid7()
    assert shop.reverse(sold).approved
    before = figures()

    answer = advise(shop, held, 1_000, grant, id=sold)

    assert (answer.outcome, answer.reason) == ("declined", "already_reversed")
    assert figures() == before
    assert held.row("shortfall") == 0


@pytest.mark.parametrize(
    ("name", "reason"),
    [("block", "card_blocked"), ("report_lost", "card_lost"), ("close", "card_closed")],
)
def test_a_card_that_may_not_be_used_is_charged_and_told(shop: Shop, name: Change, reason: str) -> None:
    held, grant = shop.card(balance=2_000), allow(shop)
    change_state(held.card.id, name, actor="test", at=shop.at)

    answer = advise(shop, held, 500, grant)

    assert (answer.outcome, answer.balance_minor) == ("approved", 1_500)
    assert told_of(answer.id) == (["unusable"], reason, 0)


@pytest.mark.parametrize(
    ("presentation", "reason"),
    [
        (Presentation("sun", refusal="credential_refused"), "credential_refused"),
        (Presentation("qr", lookup=b"?" * 32), "card_unknown"),
        (Presentation("pay_code", refusal="credential_refused"), "credential_refused"),
    ],
)
def test_a_card_that_proves_nothing_costs_nobody_who_holds_one(
    shop: Shop, presentation: Presentation, reason: str
) -> None:
    held, grant = shop.card(balance=2_000), allow(shop)

    answer = advise(shop, held, 500, grant, presentation=presentation)

    findings, told, short = told_of(answer.id)
    assert (answer.outcome, answer.last_four) == ("approved", None)
    assert ("unproven" in findings, "shortfall" in findings, told, short) == (True, True, reason, 500)
    assert (held.balance(), held.row("shortfall"), lent(shop), earned(shop)) == (2_000, 0, 500, 500)
    with connection.cursor() as cursor:
        cursor.execute(
            "select shortfall from ledger_account where id = %s",
            [unknown_account_id(shop.store.id, "CNY")],
        )
        assert cursor.fetchone() == (500,)


def test_a_wrong_pin_charges_nobody_and_is_counted(shop: Shop) -> None:
    held = shop.card(balance=2_000, method="number", pin=b"right")
    grant = allow(shop)

    wrong = advise(shop, held, 500, grant, presentation=held.typed(b"wrong"))
    right = advise(shop, held, 500, grant, presentation=held.typed(b"right"))

    assert told_of(wrong.id)[1] == "pin_wrong"
    assert told_of(right.id)[1] is None
    assert held.balance() == 1_500


def test_a_late_tap_is_recorded_and_never_lowers_the_counter(shop: Shop) -> None:
    held, grant = shop.card(balance=3_000), allow(shop)
    late = held.tap()
    assert shop.redeem(held, 100).approved

    answer = advise(shop, held, 200, grant, presentation=late)

    held.credential.refresh_from_db()
    assert told_of(answer.id) == (["late_counter"], None, 0)
    assert (held.balance(), held.credential.counter) == (2_700, 2)


def test_an_advised_tap_is_used_up(shop: Shop) -> None:
    held, grant = shop.card(balance=3_000), allow(shop)
    tap = held.tap()
    advise(shop, held, 200, grant, presentation=tap)
    before = figures()

    answer = redeem(shop.request(), tap, Money(200, "CNY"))

    assert (answer.outcome, answer.reason) == ("declined", "credential_replayed")
    assert figures() == before


@pytest.mark.parametrize(
    "spoil",
    [
        lambda grant: "",
        lambda grant: grant[:-1],
        lambda grant: "x" + grant,
        lambda grant: grant.partition(".")[0] + "." + "A" * 86,
        lambda grant: allow(open_shop()),
    ],
)
def test_a_grant_that_is_not_this_terminals_is_told(shop: Shop, spoil: Callable[[str], str]) -> None:
    held, grant = shop.card(balance=2_000), allow(shop)

    answer = advise(shop, held, 500, spoil(grant))

    assert (answer.outcome, held.balance()) == ("approved", 1_500)
    assert told_of(answer.id)[0] == ["grant_refused"]


@pytest.mark.parametrize(
    ("age", "findings"), [(86_400, []), (86_400 + 301, ["grant_refused"]), (-301, ["grant_refused"])]
)
def test_a_grant_is_good_for_its_age(shop: Shop, age: int, findings: list[str]) -> None:
    held, grant = shop.card(balance=2_000), allow(shop)

    answer = advise(shop, held, 500, grant, occurred_at=shop.at + timedelta(seconds=age))

    assert told_of(answer.id)[0] == findings


def test_a_grant_stays_good_when_the_policy_changes(shop: Shop) -> None:
    held, grant = shop.card(balance=2_000), allow(shop)
    later = allow(shop, replace(LIMITS, per_transaction=100, floor_sun=100))

    assert told_of(advise(shop, held, 500, grant).id)[0] == []
    assert told_of(advise(shop, held, 500, later).id)[0] == ["over_grant"]


def test_more_than_the_grant_allows_is_recorded_and_told(shop: Shop) -> None:
    grant = allow(shop)
    one, other, third = (shop.card(balance=100_000) for _ in range(3))

    found = [told_of(advise(shop, card, amount, grant).id)[0] for card, amount in (
        (one, 5_001), (other, 5_000), (other, 3_000), (other, 1), (third, 5_000), (third, 2_000),
    )]  # fmt: skip

    over = ["over_grant"]
    # One purchase, one card, then the terminal's sum: each in its turn.
    assert found == [over, [], [], over, [], over]
    assert one.balance() == 100_000 - 5_001


def test_the_count_of_a_grant_is_held(shop: Shop) -> None:
    grant = allow(shop, replace(LIMITS, count=2))
    cards = [shop.card(balance=1_000) for _ in range(3)]

    assert [told_of(advise(shop, card, 10, grant).id)[0] for card in cards] == [[], [], ["over_grant"]]


def test_a_load_taken_offline_is_recorded_although_no_grant_allows_it(shop: Shop) -> None:
    held, grant = shop.card(), allow(shop)

    answer = advise_load(
        shop.request(), held.tap(), Money(5_000, "CNY"), tender="cash", tender_reference="", grant=grant
    )

    assert (answer.outcome, answer.balance_minor) == ("approved", 5_000)
    assert told_of(answer.id)[0] == ["over_grant"]
