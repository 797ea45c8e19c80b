"""Rules of the law beside loads: what moves in, is adjusted or given as bonus, and a lost card replaced."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from prepaid.cards.models import Card
from prepaid.cards.rules.in_force import RuleRefused
from prepaid.identifiers import uuid7
from prepaid.money import Money
from prepaid.stored_value.answers import Answer
from prepaid.stored_value.bonus import list_due_parts, pay_part
from prepaid.stored_value.move import merge, move
from prepaid.stored_value.replace import replace
from tests.shop import HeldCard, assert_ledger_is_clean, figures
from tests.stored_value.people import adjust_of, asked_by, hire
from tests.stored_value.rule_sets import add_rule, rule_set, ruled_shop

TODAY = date(2026, 11, 23)
RECEIVES = [("move", 400), ("move", 401), ("merge", 401), ("adjust", 400), ("adjust", 401), ("bonus", 401)]


@pytest.mark.parametrize(("how", "amount"), RECEIVES)
def test_what_comes_without_a_load_keeps_to_the_largest_balance_of_the_rules(
    committed_db: None, how: str, amount: int
) -> None:
    shop = ruled_shop(rule_set(max_balance=1_000), adjust_alone_max=1_000)
    target, source = shop.card(balance=600 if how != "bonus" else 0), shop.card(balance=amount)
    till = shop.request(origin=shop.counter, sequence=None)
    if how == "bonus":
        shop.offer(1, 2, instalments=2, interval="day")
        assert shop.load_at_desk(target, 1).approved
        rules = shop.program.rule_set
        assert rules is not None
        add_rule(rules, "max_balance", 2, TODAY)
    before = figures()

    answer: Answer | None = None
    if how == "move":
        answer = move(till, source.card.id, target.card.id, Money(amount, "CNY"))
    elif how == "merge":
        answer = merge(till, source.card.id, target.card.id, reason="two cards")
    elif how == "adjust":
        answer = asked_by(hire(shop), adjust_of(target, amount)).answer
    else:
        at = shop.at + timedelta(days=1)
        (part,) = [one for one in list_due_parts(at) if one.account_id == target.account_id]
        assert not pay_part(part, at=at)

    if amount == 400:
        assert answer is not None
        assert answer.approved
    else:
        assert figures() == before
        assert answer is None or (answer.reason, answer.rule and answer.rule.field) == (
            "limit_balance",
            "max_balance",
        )
    assert_ledger_is_clean()


@pytest.mark.django_db
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
