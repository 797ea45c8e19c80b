"""Units through the life of their cards: they expire, come back, move, merge, and are never paid out."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from prepaid.cards.models import Card
from prepaid.money import VISITS, Money
from prepaid.stored_value.approvals.payloads import RefundUnlinked
from prepaid.stored_value.expire import expire_lots
from prepaid.stored_value.move import merge, move
from prepaid.stored_value.replace import reactivate
from prepaid.stored_value.return_card import return_card
from tests.shop import HeldCard, Shop, assert_ledger_is_clean, figures, open_shop
from tests.stored_value.people import asked_by, hire

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop() -> Shop:
    """A shop that takes money and sells passes of visits."""
    return open_shop(
        currency=VISITS, value_valid_months=1, reactivates_expired=True, refund_unlinked_alone_max=None
    )


def at_the_till(shop: Shop) -> Any:
    return shop.request(origin=shop.counter, sequence=None)


def went_to(held: HeldCard, kind: str) -> list[tuple[str, int]]:
    """List what an account gave to general accounts of a kind: in what, and how much."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select general.currency, transfer.amount from ledger_transfer as transfer "
            "join ledger_general_account as general on general.id = transfer.credit_account "
            "where transfer.account_id = %s and general.kind = %s",
            [held.account_id, kind],
        )
        return list(cursor.fetchall())


def test_units_expire_as_units_and_are_brought_back(shop: Shop) -> None:
    held = shop.card(balance=10)
    shop.at += timedelta(days=60)

    expire_lots(shop.at)
    assert (held.balance(), went_to(held, "breakage")) == (0, [(VISITS, 10)])
    assert_ledger_is_clean()

    assert reactivate(at_the_till(shop), held.card.id, currency=VISITS).approved
    assert held.balance() == 10
    assert_ledger_is_clean()


def test_units_move_merge_and_come_without_an_original(shop: Shop) -> None:
    first, second = shop.card(balance=10), shop.card(balance=1)

    assert move(at_the_till(shop), first.card.id, second.card.id, Money(4, VISITS)).approved
    merged = merge(at_the_till(shop), first.card.id, second.card.id, reason="one pass", currency=VISITS)
    assert (merged.approved, first.balance(), second.balance()) == (True, 0, 11)
    given = RefundUnlinked(card_id=second.card.id, amount_minor=2, currency=VISITS)
    assert asked_by(hire(shop), given).is_executed
    assert second.balance() == 13
    assert_ledger_is_clean()


def test_units_are_not_paid_out_and_an_empty_pass_is_closed(shop: Shop) -> None:
    held, empty = shop.card(balance=10), shop.card()
    terms: dict[str, Any] = {"tender": "cash", "note": "given back", "currency": VISITS}
    before = figures()

    assert return_card(at_the_till(shop), held.card.id, paid_minor=10, **terms).reason == "type_not_allowed"
    assert figures() == before
    assert return_card(at_the_till(shop), empty.card.id, paid_minor=0, **terms).approved
    assert Card.objects.get(pk=empty.card.pk).state == "closed"
    assert_ledger_is_clean()
