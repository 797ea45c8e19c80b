"""The rules of the law where value comes without a load, where it is paid back, and of lost cards."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from prepaid.cards.models import Card
from prepaid.cards.rules.in_force import RuleRefused
from prepaid.identifiers import uuid7
from prepaid.money import Money
from prepaid.stored_value.answers import Answer
from prepaid.stored_value.approvals.payloads import Payload, RefundUnlinked
from prepaid.stored_value.bonus import pay_instalments
from prepaid.stored_value.calls import find_answer
from prepaid.stored_value.cash_out import cash_out
from prepaid.stored_value.move import merge, move
from prepaid.stored_value.quotes.choices import choose, find_choice, pay_choice
from prepaid.stored_value.quotes.quote import quote_return
from prepaid.stored_value.replace import replace
from prepaid.stored_value.return_card import return_card
from prepaid.stored_value.undo import void
from tests.shop import HeldCard, Shop, assert_ledger_is_clean, figures
from tests.stored_value.people import adjust_of, asked_by, hire
from tests.stored_value.rule_sets import add_rule, rule_set, ruled_shop

pytestmark = pytest.mark.django_db
TODAY = date(2026, 11, 23)
ALONE = {"adjust_alone_max": None, "refund_unlinked_alone_max": None}


def at_the_till(shop: Shop, **changed: Any) -> Any:
    return shop.request(origin=shop.counter, sequence=None, **changed)


def asked(shop: Shop, payload: Payload) -> Answer:
    """Have a manager do it alone; give what the posting answered."""
    done = asked_by(hire(shop), payload)
    answer = find_answer(done.approval.transaction_id, origin_id=None)
    assert answer is not None
    return answer


def brought(shop: Shop, way: str, source: HeldCard, target: HeldCard, amount: int) -> Answer:
    match way:
        case "move":
            return move(at_the_till(shop), source.card.id, target.card.id, Money(amount, "CNY"))
        case "merge":
            return merge(at_the_till(shop), source.card.id, target.card.id, reason="one card is enough")
        case "adjust":
            return asked(shop, adjust_of(target, amount))
        case _:
            return asked(shop, RefundUnlinked(card_id=target.card.id, amount_minor=amount, currency="CNY"))


@pytest.mark.parametrize("way", ["move", "merge", "adjust", "refund without an original"])
@pytest.mark.parametrize("over", [0, 1])
def test_no_way_brings_more_on_a_card_than_a_rule_lets_it_hold(way: str, over: int) -> None:
    shop = ruled_shop(rule_set(max_balance=100_000), **ALONE)
    source, target = shop.card(balance=40_000 + over), shop.card(balance=60_000)
    before = figures()

    answer = brought(shop, way, source, target, 40_000 + over)

    if over:
        assert answer.reason == "limit_balance"
        assert answer.why.en.endswith("The rule max_balance. (art. of max_balance)")
        assert figures() == before
        assert Card.objects.get(pk=source.card.pk).state == "active"
    else:
        assert (answer.approved, target.balance()) == (True, 100_000)
    assert_ledger_is_clean()


def test_a_part_of_a_bonus_waits_while_a_rule_forbids_so_much() -> None:
    shop = ruled_shop(rule_set(max_balance=100_000))
    held = shop.card()
    shop.offer(50_000, 60_000, instalments=2, interval="day")
    assert shop.load_at_desk(held, 50_000).approved
    next_day = shop.at + timedelta(days=1)

    pay_instalments(next_day)
    assert held.balance() == 80_000

    assert shop.redeem(held, 10_000).approved
    pay_instalments(next_day)
    assert held.balance() == 100_000
    assert_ledger_is_clean()


def test_cash_is_paid_back_up_to_the_line_of_a_rule_its_day_added_up() -> None:
    shop = ruled_shop(rule_set(refund_channel={"same_name_bank": True, "cash_up_to": 10_000}))
    held = shop.card(balance=50_000)

    def paid(amount: int, tender: Any = "cash") -> Answer:
        return cash_out(at_the_till(shop), held.card.id, paid_minor=amount, tender=tender)

    first = paid(10_000)
    before = figures()
    refused = paid(1)

    assert (first.approved, refused.reason) == (True, "type_not_allowed")
    assert refused.why.en.endswith("(art. of refund_channel)")
    assert figures() == before
    assert paid(20_000, "bank_transfer").approved
    assert void(at_the_till(shop), first.id).approved
    assert paid(10_000).approved
    shop.at += timedelta(days=1)
    assert paid(10_000).approved
    assert_ledger_is_clean()


def test_a_card_whose_return_the_law_reckons_is_returned_by_a_quote_alone() -> None:
    shop = ruled_shop(rule_set(refund_formula=["art18", "art19"]))
    held, empty = shop.card(balance=5_000), shop.card()
    terms: dict[str, Any] = {"tender": "cash", "note": "moved away"}
    before = figures()

    refused = return_card(at_the_till(shop), held.card.id, paid_minor=5_000, **terms)

    assert refused.why.en.endswith("(art. of refund_formula)")
    assert figures() == before
    assert return_card(at_the_till(shop), empty.card.id, paid_minor=0, **terms).approved
    today = shop.origin.business_date_at(shop.at)
    choice_id = uuid7()
    choose(
        quote_return(held.card, on=today),
        "art18",
        choice_id=choice_id,
        reason="the shop closes",
        store_id=shop.store.id,
        operator="m1",
        at=shop.at,
    )
    choice = find_choice(held.account_id)
    assert choice is not None
    assert pay_choice(choice, at_the_till(shop, id=choice_id), tender="cash").approved
    assert_ledger_is_clean()


def test_a_cash_out_does_not_pass_by_the_second_person_of_a_card_return() -> None:
    shop = ruled_shop(None, card_return_alone_max=10_000)
    held = shop.card(balance=50_000)

    def paid(amount: int) -> Answer:
        return cash_out(at_the_till(shop), held.card.id, paid_minor=amount, tender="cash")

    assert paid(6_000).approved
    before = figures()
    answer = paid(4_001)
    assert (answer.reason, answer.cause) == ("type_not_allowed", "second_person_needed")
    assert figures() == before
    assert paid(4_000).approved
    assert_ledger_is_clean()


def test_a_lost_card_is_not_replaced_where_a_rule_forbids_it() -> None:
    made = rule_set()
    add_rule(made, "replace_lost", False, TODAY)
    shop = ruled_shop(made)
    lost, broken = shop.card(state="lost"), shop.card()
    before = Card.objects.count()
    yesterday = {"recorded_at": shop.at - timedelta(days=1)}

    def replaced(held: HeldCard, **changed: Any) -> Card:
        till = shop.request(origin=shop.counter, sequence=None, **changed)
        return replace(till, held.card.id, new_card_id=uuid7(), reason="asked for").issued.card

    with pytest.raises(RuleRefused) as refused:
        replaced(lost)

    assert refused.value.rule.field == "replace_lost"
    assert (Card.objects.get(pk=lost.card.pk).state, Card.objects.count()) == ("lost", before)
    assert not lost.card.events.exists()
    assert replaced(broken).replaces_id == broken.card.pk
    assert replaced(lost, **yesterday).replaces_id == lost.card.pk
