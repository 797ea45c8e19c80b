"""What a terminal is told when a rule forbids a top-up: rule and article, the same bytes on a repeat."""

from __future__ import annotations

from prepaid.cards.models import Program, RuleSet
from prepaid.ledger.models import LedgerAccount
from prepaid.stored_value.issue import IssuedCard
from tests.api.conftest import Till
from tests.shop import assert_ledger_is_clean, figures


def test_a_top_up_that_a_rule_forbids_names_rule_and_article(till: Till, issued: IssuedCard) -> None:
    here = {"rule_set": RuleSet.objects.get(code="cn_bearer"), "scope_store_ids": [till.shop.store.id]}
    Program.objects.filter(pk=till.shop.program.pk).update(**here)
    balance = LedgerAccount.objects.get(pk=issued.card.account_id).balance
    body, before = till.load(issued, 100_001 - balance), figures()

    first, again = till.post(body), till.post(body)

    told = first.json()
    assert (first.status, told["outcome"], told["reason"]) == (201, "declined", "limit_balance")
    assert told["message"]["en"].endswith("A bearer card holds at most 1,000 CNY. (MOFCOM Order 9 of 2012)")
    assert told["message"]["zh"].endswith("单张不记名卡余额不得超过 1,000 元。（商务部令2012年第9号）")
    assert (again.status, again.headers["idempotent-replayed"]) == (200, "true")
    assert again.body == first.body
    assert figures() == before
    assert_ledger_is_clean()
