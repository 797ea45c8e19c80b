"""Paying a chosen card return out: once, what was chosen and no more, by a tender that the rules allow."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import pytest

from prepaid.cards.models import Card, RuleSet
from prepaid.identifiers import uuid7
from prepaid.stored_value.answers import Answer
from prepaid.stored_value.quotes.choices import (
    CardMoved,
    Choice,
    ChoiceRefused,
    choose,
    find_choice,
    list_tenders,
    pay_choice,
)
from prepaid.stored_value.quotes.facts import gather_facts
from prepaid.stored_value.quotes.quote import quote_return
from tests.shop import NOON, HeldCard, Shop, assert_ledger_is_clean, figures
from tests.stored_value.gifts import load_with_gift
from tests.stored_value.rule_sets import give, identified, ruled_shop

# The posting itself is another room's; where a version has none, there is nothing to pay out by.
pytest.importorskip("prepaid.stored_value.return_card")
TODAY = date(2026, 11, 23)


def chosen(way: str) -> tuple[Shop, HeldCard, Choice]:
    shop = ruled_shop(RuleSet.objects.get(code="cn_registered"))
    held = shop.card()
    give(held, identified())
    load_with_gift(shop, held, 300_000, 100_000)
    assert shop.redeem(held, 359_400).approved
    card = Card.objects.select_related("program__rule_set").get(pk=held.card.id)
    quote = quote_return(card, on=TODAY)
    choose(
        quote,
        way,
        choice_id=uuid7(),
        reason="closes",
        store_id=shop.store.id,
        operator="mei",
        at=NOON,
    )
    choice = find_choice(held.account_id)
    assert choice is not None
    return shop, held, choice


def pay(shop: Shop, choice: Choice, tender: str = "bank_transfer", digest: bytes = b"d" * 32) -> Answer:
    request = shop.request(id=choice.id, origin=shop.counter, sequence=None, digest=digest)
    return pay_choice(choice, request, tender=tender)


def test_a_choice_is_paid_once_and_takes_the_card_back(committed_db: None) -> None:
    shop, held, choice = chosen("art18")

    first = pay(shop, choice)
    after = figures()
    again = find_choice(held.account_id)
    assert again is not None
    second = pay(shop, again)

    assert (first.outcome, first.approved_minor, held.balance()) == ("approved", 40_600, 0)
    assert (second.replayed, second.hash) == (True, first.hash)
    assert figures() == after
    assert again.paid_out_at is not None
    assert Card.objects.get(pk=held.card.id).state == "closed"
    # What went back to the holder, as the next quote sees it.
    known = gather_facts(held.account_id, on=TODAY)
    assert known.returned_minor == 30_450
    assert_ledger_is_clean()


def test_nothing_to_refund_closes_the_card_and_keeps_the_price(committed_db: None) -> None:
    shop, held, choice = chosen("art19")

    assert pay(shop, choice).approved
    assert held.balance() == 0
    assert gather_facts(held.account_id, on=TODAY).returned_minor == 0
    assert_ledger_is_clean()


def test_a_card_used_since_is_not_paid_out(committed_db: None) -> None:
    shop, held, choice = chosen("art18")
    assert shop.redeem(held, 100).approved
    before = figures()

    with pytest.raises(CardMoved):
        pay(shop, choice)
    assert figures() == before


def test_cash_stops_at_the_line_of_the_rules(committed_db: None) -> None:
    shop, held, choice = chosen("art18")
    before = figures()

    assert list_tenders(choice, TODAY) == ["bank_transfer"]
    with pytest.raises(ChoiceRefused):
        pay(shop, choice, "cash")
    assert figures() == before
    assert isinstance(held.account_id, UUID)
