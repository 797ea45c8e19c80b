"""Who issued a card today gives none of its value back: another person does, or it is another day."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest

from prepaid.cards.models import Card, CardEvent
from prepaid.cards.presentation import at_the_desk
from prepaid.identifiers import uuid7
from prepaid.money import Money
from prepaid.stored_value.answers import Answer
from prepaid.stored_value.cash_out import cash_out
from prepaid.stored_value.issue import issue
from prepaid.stored_value.load import load
from prepaid.stored_value.redeem import redeem
from prepaid.stored_value.refund import refund
from prepaid.stored_value.return_card import return_card
from prepaid.stores.models import Staff
from tests.shop import Shop, assert_ledger_is_clean, figures, open_shop
from tests.stored_value.people import hire

pytestmark = pytest.mark.usefixtures("db")
MORNING = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)  # nine in Shanghai
# The store's day changes at four in the morning, Shanghai time.
DAY_STARTS_AT = time(4)
LAST_OF_THE_DAY = datetime(2026, 11, 23, 19, 59, 59, tzinfo=UTC)


@pytest.fixture
def shop() -> Shop:
    shop = open_shop()
    shop.store.day_starts_at = DAY_STARTS_AT
    shop.store.save()
    return shop


@pytest.fixture
def cashier(shop: Shop) -> Staff:
    return hire(shop, "cashier")


def issued(shop: Shop, staff: Staff) -> Card:
    """Issue a card in the morning, with 100.00 on it."""
    made = issue(
        card_id=uuid7(), program=shop.program, origin=shop.counter, actor=staff.code, at=MORNING
    ).card
    assert load(
        at_till(shop, staff, MORNING), at_the_desk(made.id), Money(10_000, "CNY"), tender="cash"
    ).approved
    return made


def at_till(shop: Shop, staff: Staff, at: datetime) -> Any:
    return shop.request(
        origin=shop.counter, sequence=None, operator=staff.code, occurred_at=at, recorded_at=at
    )


def give_refund(shop: Shop, card: Card, staff: Staff, at: datetime) -> Answer:
    spent = redeem(at_till(shop, staff, at), at_the_desk(card.id), Money(500, "CNY"))
    assert spent.approved
    return refund(at_till(shop, staff, at), spent.id, Money(500, "CNY"))


def give_cash(shop: Shop, card: Card, staff: Staff, at: datetime) -> Answer:
    return cash_out(at_till(shop, staff, at), card.id, paid_minor=500, tender="cash")


def take_back(shop: Shop, card: Card, staff: Staff, at: datetime) -> Answer:
    request = at_till(shop, staff, at)
    return return_card(request, card.id, paid_minor=10_000, tender="cash", note="moved away")


Give = Callable[[Shop, Card, Staff, datetime], Answer]
WAYS = (give_refund, give_cash, take_back)


@pytest.mark.parametrize("give", WAYS)
def test_a_cashier_gives_nothing_back_of_a_card_they_issued_today(
    shop: Shop, cashier: Staff, give: Give
) -> None:
    card = issued(shop, cashier)
    if give is give_refund:
        spent = redeem(at_till(shop, cashier, LAST_OF_THE_DAY), at_the_desk(card.id), Money(500, "CNY"))
        moved = figures()
        answer = refund(at_till(shop, cashier, LAST_OF_THE_DAY), spent.id, Money(500, "CNY"))
    else:
        moved = figures()
        answer = give(shop, card, cashier, LAST_OF_THE_DAY)

    assert (answer.reason, answer.cause) == ("type_not_allowed", "issued_by_operator")
    assert answer.why.en.startswith("You issued this card today")
    assert answer.why.zh.startswith("此卡由您今天开出")
    assert figures() == moved
    assert_ledger_is_clean()


@pytest.mark.parametrize("give", WAYS)
def test_on_the_next_business_date_they_do(shop: Shop, cashier: Staff, give: Give) -> None:
    card = issued(shop, cashier)
    assert give(shop, card, cashier, LAST_OF_THE_DAY + timedelta(seconds=1)).approved
    assert_ledger_is_clean()


@pytest.mark.parametrize("give", WAYS)
def test_another_cashier_or_a_manager_does(shop: Shop, cashier: Staff, give: Give) -> None:
    manager = hire(shop)
    assert give(shop, issued(shop, cashier), hire(shop, "cashier"), LAST_OF_THE_DAY).approved
    assert give(shop, issued(shop, manager), manager, LAST_OF_THE_DAY).approved


def test_a_replacement_is_no_issue(shop: Shop, cashier: Staff) -> None:
    old = issued(shop, hire(shop, "cashier"))
    new = Card.objects.create(
        account=old.account, program=shop.program, last_four="1111", state="active", issued_at=MORNING,
        issued_store_id=shop.store.id, replaces=old,
    )  # fmt: skip
    CardEvent.objects.create(card=new, change="issue", to_state="issued", actor=cashier.code, at=MORNING)
    assert give_cash(shop, new, cashier, LAST_OF_THE_DAY).approved


def test_the_cause_is_told_again_to_a_repeat(shop: Shop, cashier: Staff) -> None:
    card, request = issued(shop, cashier), at_till(shop, cashier, MORNING)
    first = cash_out(request, card.id, paid_minor=500, tender="cash")
    again = cash_out(request, card.id, paid_minor=500, tender="cash")
    assert (first.cause, again.cause, again.replayed) == ("issued_by_operator", "issued_by_operator", True)
