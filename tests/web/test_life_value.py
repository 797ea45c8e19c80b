"""The card drawer where value or a rule decides: what may be done with what is on the card."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from prepaid.cards.models import Card, Credential, Program
from prepaid.identifiers import uuid7
from prepaid.money import VISITS
from prepaid.stored_value.expire import expire_lots
from tests.shop import HeldCard, assert_ledger_is_clean, figures
from tests.stored_value.rule_sets import rule_set
from tests.web.conftest import Desk, open_desk
from tests.web.drawer import confirm, get, post, state

YEAR = timedelta(days=365)


@pytest.fixture
def manager(db: None) -> Desk:
    return open_desk(role="manager")


def test_expired_value_is_shown_as_it_would_be_and_brought_back(manager: Desk) -> None:
    made = manager.issue()
    manager.shop.at = timezone.now() - YEAR
    Program.objects.filter(pk=manager.shop.program.pk).update(value_valid_months=6, reactivates_expired=True)
    held = HeldCard(card=made.card, credential=Credential.objects.get(card=made.card, method="number"))
    assert manager.shop.load_at_desk(held, 10_000, sequence=None).approved
    expire_lots(timezone.now())
    assert held.balance() == 0
    assert "/life/reactivate" in get(manager, made).content.decode()

    page = post(manager, made, "reactivate")
    assert "¥100.00" in page.content.decode()
    assert held.balance() == 0
    answer = confirm(manager, made, "reactivate", page)

    assert answer.status_code == 302
    assert held.balance() == 10_000
    assert "Expired value reactivated" in manager.client().get(answer["Location"]).content.decode()
    assert_ledger_is_clean()


def test_a_pass_is_moved_in_visits_and_paid_out_in_nothing(manager: Desk) -> None:
    manager.shop.program = Program.objects.create(
        code=uuid7().hex[-16:], name="Visits", currency=VISITS, allowed_credentials=["number"]
    )
    made, other = manager.issue(), manager.issue()
    held = HeldCard(card=made.card, credential=Credential.objects.get(card=made.card, method="number"))
    assert manager.shop.load_at_desk(held, 10, sequence=None).approved
    acts = re.findall(r'/life/([\w-]+)"', get(manager, made).content.decode())
    assert acts == ["replace", "new-pin", "reassign", "move", "merge"]

    assert (
        confirm(manager, made, "move", post(manager, made, "move", to=other.number, amount="3")).status_code
        == 302
    )
    assert (manager.figures(made)[0], manager.figures(other)[0]) == (7, 3)
    assert post(manager, made, "close").status_code == 422
    empty = manager.issue()
    assert confirm(manager, empty, "close", post(manager, empty, "close")).status_code == 302
    assert state(empty) == "closed"
    assert_ledger_is_clean()


def test_what_may_be_paid_out_in_cash_and_without_a_quote_a_rule_says(manager: Desk) -> None:
    made = manager.issue(balance=10_000)
    rules = rule_set(refund_channel={"same_name_bank": True, "cash_up_to": 5_000}, refund_formula=["art18"])
    Program.objects.filter(pk=manager.shop.program.pk).update(rule_set=rules)
    before = manager.figures(made)

    for confirmed in ("", "yes"):
        paid_out = post(manager, made, "cash-out", amount="60", confirmed=confirmed)
        assert (paid_out.status_code, "art. of refund_channel" in paid_out.content.decode()) == (422, True)
        closed = post(manager, made, "close", confirmed=confirmed)
        assert (closed.status_code, "art. of refund_formula" in closed.content.decode()) == (422, True)
        assert "return this card in the office" in closed.content.decode()
    assert (manager.figures(made), state(made)) == (before, "active")


@pytest.mark.parametrize(
    ("act", "field"),
    [("replace", "replace_lost"), ("move", "transfer_allowed"), ("cash-out", "refund_allowed")],
)
def test_an_act_that_a_rule_forbids_says_rule_and_article(manager: Desk, act: str, field: str) -> None:
    rules: dict[str, Any] = {field: False}
    Program.objects.filter(pk=manager.shop.program.pk).update(rule_set=rule_set(**rules))
    made, other = manager.issue(), manager.issue()
    if act == "replace":
        Card.objects.filter(pk=made.card.pk).update(state="lost")
    before = state(made), figures()

    asked: dict[str, Any] = {} if act == "replace" else {"amount": "25", "to": other.number}
    english = post(manager, made, act, **asked)
    client = manager.client()
    client.cookies["django_language"] = "zh-hans"
    asked |= {"id": uuid7(), "reason": "asked for", "medium": "printed", "tender": "cash"}
    chinese = client.post(f"/cards/{made.card.id}/life/{act}", asked).content.decode()

    assert english.status_code == 422
    assert f"The rule {field}. (art. of {field})" in english.content.decode()
    assert f"规则 {field}。" in chinese
    assert f"{field} 条" in chinese
    assert (state(made), figures()) == before
