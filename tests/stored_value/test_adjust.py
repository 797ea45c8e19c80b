"""Adjustments: value is corrected lot by lot against the store's account, for a reason and an approval."""

from __future__ import annotations

from datetime import timedelta

import psycopg
import pytest
from django.db import connection
from django.db.transaction import atomic
from msgspec.structs import replace

from prepaid.identifiers import uuid7
from prepaid.money import Money
from prepaid.stored_value.adjust import adjust
from prepaid.stored_value.hold import hold
from prepaid.stores.models import Staff
from tests.shop import HeldCard, Shop, assert_ledger_is_clean, figures, open_shop
from tests.stored_value.people import adjust_of, asked_by, hire

pytestmark = pytest.mark.usefixtures("db")
BOUND = 10_000
_OTHER_SIDE = """
select general.kind, sum(case when transfer.credit_account = general.id then amount else -amount end)
from ledger_transfer as transfer
join ledger_general_account as general on general.id in (debit_account, credit_account)
where transfer.account_id = %s group by 1 order by 1
"""


@pytest.fixture
def shop() -> Shop:
    """A shop whose managers adjust up to 100.00 alone."""
    return open_shop(adjust_alone_max=BOUND)


@pytest.fixture
def asker(shop: Shop) -> Staff:
    return hire(shop)


def lots_of(held: HeldCard) -> list[tuple[bool, int]]:
    """List what is open: bonus or not, and how much."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select lot.bonus, lot.remaining from ledger_account, unnest(lots) as lot "
            "where id = %s order by 1",
            [held.account_id],
        )
        return [(bonus, remaining) for bonus, remaining in cursor.fetchall()]


def test_an_adjustment_makes_a_lot_of_its_kind_and_takes_from_that_kind_alone(
    shop: Shop, asker: Staff
) -> None:
    held = shop.card(balance=1_000)
    asked_by(asker, adjust_of(held, 300, bonus=True))
    asked_by(asker, adjust_of(held, 250, direction="down", bonus=True))
    over = asked_by(asker, adjust_of(held, 51, direction="down", bonus=True))
    asked_by(asker, adjust_of(held, 400, direction="down"))

    assert over.approval.outcome_reason == "insufficient_funds"
    assert lots_of(held) == [(False, 600), (True, 50)]
    with connection.cursor() as cursor:
        cursor.execute(_OTHER_SIDE, [held.account_id])
        assert cursor.fetchall() == [("adjustment", 350), ("cash", -1_000)]
    assert_ledger_is_clean()


def test_what_is_held_is_not_adjusted_away(shop: Shop, asker: Staff) -> None:
    held = shop.card(balance=1_000)
    assert hold(
        shop.request(), held.tap(), Money(800, "CNY"), expires_at=shop.at + timedelta(hours=1)
    ).approved
    done = asked_by(asker, adjust_of(held, 201, direction="down"))
    assert done.approval.outcome_reason == "insufficient_because_of_hold"
    assert asked_by(asker, adjust_of(held, 200, direction="down")).is_executed
    assert_ledger_is_clean()


def test_an_adjustment_up_keeps_to_the_largest_balance() -> None:
    shop = open_shop(adjust_alone_max=None, balance_max=1_000)
    held, asker = shop.card(balance=900), hire(shop)
    assert asked_by(asker, adjust_of(held, 101)).approval.outcome_reason == "limit_balance"
    assert asked_by(asker, adjust_of(held, 100)).is_executed


def test_an_adjustment_of_a_currency_that_the_store_does_not_trade_in_is_declined() -> None:
    shop = open_shop(currency="USD", adjust_alone_max=BOUND)
    held, before = shop.card(), figures()
    asked = asked_by(hire(shop), replace(adjust_of(held, 300), currency="USD"))
    assert asked.answer is not None
    assert (asked.is_executed, asked.answer.reason) == (False, "currency_mismatch")
    assert figures() == before
    assert_ledger_is_clean()


def test_an_adjustment_without_its_approval_is_refused_by_the_database(shop: Shop, asker: Staff) -> None:
    held = shop.card(balance=100)
    asked = asked_by(asker, adjust_of(held, BOUND + 1))
    moved = figures()
    for transaction_id in (uuid7(), asked.approval.transaction_id):
        request = shop.request(id=transaction_id, origin=shop.counter, sequence=None, note="because")
        with pytest.raises(psycopg.Error, match="needs a reason and an approval"), atomic():
            adjust(request, held.card.id, Money(BOUND + 1, "CNY"), direction="up", bonus=False)
    with pytest.raises(ValueError, match="needs a reason"):
        adjust(shop.request(), held.card.id, Money(1, "CNY"), direction="up", bonus=False)
    assert figures() == moved
