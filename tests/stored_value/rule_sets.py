"""Rule sets of a test's own, and holders whose identity is recorded."""

from __future__ import annotations

from datetime import date
from typing import Any

from prepaid.cards.models import Account, Holder, Rule, RuleSet
from prepaid.cards.rules.in_force import change_rule
from prepaid.identifiers import uuid7
from prepaid.keys import site_keys
from tests.shop import NOON, HeldCard, Shop, open_shop


def rule_set(currency: str = "CNY", **rules: Any) -> RuleSet:
    """Make a rule set of its own with these rules, in force since 2020."""
    made = RuleSet.objects.create(
        code=uuid7().hex, name="Test", name_zh="测试", card_class="any", currency=currency
    )
    for name, value in rules.items():
        add_rule(made, name, value, date(2020, 1, 1))
    return made


def add_rule(made: RuleSet, name: str, value: Any, since: date, *, source: str = "s") -> Rule:
    return change_rule(
        rule_set=made,
        field=name,
        value=value,
        effective_from=since,
        article=f"art. of {name}",
        article_zh=f"{name} 条",
        source=source,
        text=f"The rule {name}.",
        text_zh=f"规则 {name}。",
        by="test",
        at=NOON,
    )


def identified() -> Holder:
    holder_id, number, keys = uuid7(), uuid7().hex.upper(), site_keys()
    return Holder.objects.create(
        id=holder_id,
        name="Wang Fang",
        id_number_lookup=keys.identity_lookup("passport", number),
        id_number_sealed=keys.seal(number, of=holder_id.bytes),
        identified_at=NOON,
    )


def give(held: HeldCard, holder: Holder) -> None:
    Account.objects.filter(pk=held.account_id).update(holder=holder)


def ruled_shop(made: RuleSet | None, **terms: Any) -> Shop:
    """Open a shop under a rule set; no other test's shop, in the same database, offers its program."""
    shop = open_shop(rule_set=made, **terms)
    shop.program.scope_store_ids = [shop.store.id]
    shop.program.save()
    return shop
