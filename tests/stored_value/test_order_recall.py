"""Cards of an order are taken back where they were not used: value to the tender, the bonus with it."""

from __future__ import annotations

import pytest

from prepaid.cards.models import CardEvent, Offer
from prepaid.ledger.accounts import general_account_id
from prepaid.stored_value.bulk.errors import BulkRefused
from prepaid.stored_value.bulk.orders import recall, record_funds
from tests.shop import NOON, assert_ledger_is_clean, figures, open_shop
from tests.stored_value.bulk import (
    balances,
    card_of,
    draft,
    fund,
    lines_of,
    make,
    ordered,
    outcomes,
    rows,
    spend,
    states,
)

pytestmark = pytest.mark.django_db


def test_cards_that_were_not_used_are_taken_back_and_the_rest_says_so() -> None:
    shop = open_shop()
    order = ordered(shop, 4)
    lines = lines_of(order)
    spend(shop, lines[1], 100)

    back = recall(order.id, [2, 3, 4], reason="The party was cancelled.", by="m2", at=NOON)

    assert back == 2
    assert outcomes(order) == ["loaded", "used", "taken_back", "taken_back"]
    assert states(order) == ["active", "active", "closed", "closed"]
    assert balances(order) == [10_000, 9_900, 0, 0]
    bank = general_account_id("bank_transfer", owner_id=shop.store.id, currency="CNY")
    assert rows(
        "select sum(case when debit_account = %s then amount else -amount end)::bigint from ledger_transfer "
        "where %s in (debit_account, credit_account)",
        [bank, bank],
    ) == [(20_000,)]
    event = CardEvent.objects.filter(card_id=card_of(lines[2])).latest("at", "id")
    closed = CardEvent.objects.get(card_id=card_of(lines[2]), change="close")
    assert event.actor in ("m1", "m2")
    assert (closed.reason, closed.actor) == ("The party was cancelled.", "m2")
    after = figures()
    assert recall(order.id, [2, 3, 4], reason="Again.", by="m2", at=NOON) == 0
    assert figures() == after
    assert_ledger_is_clean()


def test_cards_are_taken_back_before_they_are_loaded_and_stay_out_of_the_load() -> None:
    order = draft(open_shop(), 3)
    make(order)
    assert recall(order.id, [1], reason="One too many.", by="m2", at=NOON) == 1
    fund(order)
    assert outcomes(order) == ["taken_back", "loaded", "loaded"]
    assert balances(order) == [0, 10_000, 10_000]
    assert_ledger_is_clean()


def test_nothing_is_taken_back_while_cards_are_loaded() -> None:
    order = draft(open_shop(), 3)
    make(order)
    record_funds(order.id, reference="", by="m2", at=NOON)
    with pytest.raises(BulkRefused):
        recall(order.id, [1], reason="Too late.", by="m2", at=NOON)


def test_cards_of_a_program_with_an_offer_earn_its_bonus_and_give_it_back() -> None:
    shop = open_shop()
    terms = {"pay_min": 10_000, "bonus": 1_000, "starts_on": NOON.date(), "made_by": "m1", "made_at": NOON}
    Offer.objects.create(program=shop.program, code=f"T{shop.store.code}", name="Ten for hundred", **terms)
    order = ordered(shop, 3)
    assert balances(order) == [11_000] * 3
    spend(shop, lines_of(order)[2], 1)
    assert recall(order.id, [1, 2, 3], reason="Too many.", by="m2", at=NOON) == 2
    assert balances(order) == [0, 0, 10_999]
    assert_ledger_is_clean()
