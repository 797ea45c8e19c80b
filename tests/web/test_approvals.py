"""Asking at the counter, deciding in the office: without scripts, each step a page."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from prepaid.cards.lifecycle import change_state
from prepaid.cards.models import Program, Rule, RuleSet
from prepaid.identifiers import uuid7
from prepaid.stored_value.approvals.models import Approval
from prepaid.stored_value.issue import IssuedCard
from prepaid.stores.models import Staff
from tests.shop import HeldCard, assert_ledger_is_clean
from tests.stored_value.people import adjust_of, asked_by
from tests.web.conftest import Desk, open_desk

pytestmark = pytest.mark.usefixtures("own_db")


@pytest.fixture
def desk() -> Desk:
    """A manager at a till of a shop where 100.00 is done alone."""
    return open_desk(role="manager")


@pytest.fixture
def made(desk: Desk) -> IssuedCard:
    Program.objects.filter(pk=desk.shop.program.pk).update(
        adjust_alone_max=10_000, unblock_alone_max=10_000, card_return_alone_max=10_000
    )
    return desk.issue(balance=50_000)


def colleague(desk: Desk, role: str = "manager") -> Desk:
    """Another person of the same shop."""
    user = User.objects.create(username=f"c{uuid7().hex}", first_name="Bo", last_name="Sun")
    staff = Staff.objects.create(
        user=user, store=desk.shop.store, till=desk.shop.till, code=user.username[:16] + role, role=role
    )
    return Desk(shop=desk.shop, staff=staff, user=user)


def ask(desk: Desk, made: IssuedCard, code: str, **fields: Any) -> Any:
    """Send the form, then what the look carries back; give the answer of the second step."""
    address = f"/cards/{made.card.id}/asking/{code}"
    first = {"id": uuid7(), "transaction_id": uuid7(), "reason": "told at the desk"}
    page = desk.client().post(address, first | fields)
    assert page.status_code == 200, page.content.decode()
    form = page.content.decode().partition('id="life"')[2].partition("</form>")[0]
    carried = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form))
    carried.pop("csrfmiddlewaretoken")
    return page, desk.client().post(address, carried, follow=True)


def decide(desk: Desk, verdict: str, reason: str = "") -> str:
    """Decide the newest request; give the page that follows."""
    newest = Approval.objects.order_by("-asked_at", "-id")[0]
    answer = desk.client().post(
        f"/office/approvals/{newest.id}", {"verdict": verdict, "reason": reason}, follow=True
    )
    return str(answer.content.decode())


def adjustment(amount: str, **changed: Any) -> dict[str, Any]:
    return {"direction": "up", "lots": "paid", "amount": amount} | changed


def test_below_the_amount_it_is_said_and_done_at_once(desk: Desk, made: IssuedCard) -> None:
    form = desk.client().get(f"/cards/{made.card.id}/asking/adjust").content.decode()
    assert "Up to ¥100.00 you do this alone" in form

    look, done = ask(desk, made, "adjust", **adjustment("100"))

    assert "You do this alone" in look.content.decode()
    assert "¥500.00" in look.content.decode()
    assert "¥600.00" in look.content.decode()
    assert "Done, and kept with your name and reason." in done.content.decode()
    assert desk.figures(made) == (60_000, 2)
    assert_ledger_is_clean()


def test_above_the_amount_the_second_person_is_named_before_and_decides(desk: Desk, made: IssuedCard) -> None:
    second = colleague(desk)
    look, done = ask(desk, made, "adjust", **adjustment("100.01", direction="down"))
    assert "This needs a second person." in look.content.decode()
    assert "Nothing has changed yet" in done.content.decode()
    assert desk.figures(made) == (50_000, 1)

    waiting = second.client().get("/office/approvals").content.decode()
    assert "−¥100.01" in waiting
    assert "¥399.99" in waiting
    assert "told at the desk" in waiting
    assert "Asked by Mei Lin" in waiting
    assert '<span aria-hidden="true">1</span>' in waiting

    after = decide(second, "approve")

    assert "Approved and carried out." in after
    assert desk.figures(made) == (39_999, 2)
    history = second.client().get("/office/approvals?show=decided").content.decode()
    assert "Carried out" in history
    assert "Approved by Bo Sun" in history
    assert_ledger_is_clean()


def test_who_asked_sees_no_button_and_is_refused_all_the_same(desk: Desk, made: IssuedCard) -> None:
    ask(desk, made, "adjust", **adjustment("200"))
    page = desk.client().get("/office/approvals").content.decode()
    assert "You asked for this: another manager approves it." in page
    assert 'value="approve"' not in page

    assert "you asked for this, so another manager approves it" in decide(desk, "approve")
    assert desk.figures(made) == (50_000, 1)
    assert "Refused. Nothing was changed." in decide(desk, "refuse", "typed wrongly")
    assert "Taken back" in desk.client().get("/office/approvals?show=decided").content.decode()


def test_a_refusal_needs_a_reason_and_a_decision_is_taken_once(desk: Desk, made: IssuedCard) -> None:
    second = colleague(desk)
    ask(desk, made, "refund", amount="5")
    assert "write why" in decide(second, "refuse", " ")
    assert "Refused" in decide(second, "refuse", "no slip")
    assert "somebody decided this before" in decide(second, "approve")
    assert desk.figures(made) == (50_000, 1)


def test_a_cashier_asks_and_a_manager_decides(desk: Desk, made: IssuedCard) -> None:
    cashier = colleague(desk, "cashier")
    assert (
        "A manager must approve this."
        in cashier.client().get(f"/cards/{made.card.id}/asking/refund").content.decode()
    )
    look, _ = ask(cashier, made, "refund", amount="5")
    assert "This needs a second person." in look.content.decode()
    assert cashier.client().get("/office/approvals").status_code == 403
    approval = Approval.objects.get(card_id=made.card.id)
    assert (
        cashier.client().post(f"/office/approvals/{approval.id}", {"verdict": "approve"}).status_code == 403
    )
    assert (
        "1 request about this card waits"
        in cashier.client().get(f"/cards/{made.card.id}/life").content.decode()
    )

    assert "Approved and carried out." in decide(desk, "approve")
    assert desk.figures(made) == (50_500, 2)


def test_limits_are_asked_for_by_managers(desk: Desk, made: IssuedCard) -> None:
    cashier = colleague(desk, "cashier")
    assert cashier.client().get(f"/cards/{made.card.id}/asking/limit").status_code == 403

    look, _ = ask(desk, made, "limit", term="redeem_single_max", amount="300")

    assert "No limit" in look.content.decode()
    assert "This holds for every card of Gift." in look.content.decode()
    decide(colleague(desk), "approve")
    desk.shop.program.refresh_from_db()
    assert desk.shop.program.redeem_single_max == 30_000


def test_an_unblock_goes_through_a_second_person_by_the_balance(desk: Desk, made: IssuedCard) -> None:
    change_state(made.card.id, "block", actor="op-1", at=timezone.now(), reason="seen twice")
    page = desk.client().get(f"/counter/{made.card.id}").content.decode()
    assert f"/cards/{made.card.id}/asking/unblock" in page

    ask(desk, made, "unblock")

    made.card.refresh_from_db()
    assert made.card.state == "blocked"
    decide(colleague(desk), "approve")
    made.card.refresh_from_db()
    assert made.card.state == "active"


def test_a_card_return_above_the_amount_is_asked_for_at_the_counter(desk: Desk, made: IssuedCard) -> None:
    address = f"/cards/{made.card.id}/life/close"
    page = desk.client().post(address, {"id": uuid7(), "reason": "moved away", "tender": "cash"})
    form = page.content.decode().partition('id="life"')[2].partition("</form>")[0]
    assert "This needs a second person." in page.content.decode()
    desk.client().post(address, dict(re.findall(r'name="(\w+)" value="([^"]*)"', form)))
    assert desk.figures(made) == (50_000, 1)

    assert "Approved and carried out." in decide(colleague(desk), "approve")

    made.card.refresh_from_db()
    assert (desk.figures(made), made.card.state) == ((0, 2), "closed")
    assert_ledger_is_clean()


def test_what_cannot_be_is_said_before_it_is_asked(desk: Desk, made: IssuedCard) -> None:
    address = f"/cards/{made.card.id}/asking/adjust"
    fields = {"id": uuid7(), "transaction_id": uuid7(), "reason": "x"}
    over = desk.client().post(address, fields | adjustment("500.01", direction="down"))
    assert (over.status_code, "The card holds less of this value." in over.content.decode()) == (422, True)
    for amount in ("", "0", "x", "1.234"):
        assert desk.client().post(address, fields | adjustment(amount)).status_code == 422
    assert desk.client().post(address, fields | adjustment("5") | {"reason": " "}).status_code == 422
    assert desk.client().get(f"/cards/{made.card.id}/asking/nothing").status_code == 404
    assert desk.client().get(f"/cards/{uuid7()}/asking/adjust").status_code == 404
    assert not Approval.objects.filter(card_id=made.card.id).exists()


def test_what_is_over_is_told_to_who_decides(desk: Desk, made: IssuedCard) -> None:
    held = HeldCard(card=made.card, credential=made.card.credentials.all()[0])
    asked_by(desk.staff, adjust_of(held, 10_001), at=timezone.now() - timedelta(days=3))
    second = colleague(desk)
    assert "Nothing waits" in second.client().get("/office/approvals").content.decode()
    assert "its time is over" in decide(second, "approve")

    desk.redeem_at_the_terminal(made, 45_000)
    asked_by(desk.staff, adjust_of(held, 10_001, direction="down"))
    assert "Approved, but not carried out: Not enough balance." in decide(second, "approve")
    assert desk.figures(made) == (5_000, 2)


def test_a_rule_is_changed_by_two_managers(desk: Desk) -> None:
    rule_set = RuleSet.objects.create(code="two", name="Two", name_zh="二", card_class="any", currency="CNY")
    fields = {
        "id": uuid7(),
        "transaction_id": uuid7(),
        "rule_set": rule_set.id,
        "field": "max_single_load",
        "value": "300000",
        "effective_from": "2027-01-01",
        "article": "art. 9",
        "article_zh": "第九条",
        "source": "v",
        "text": "No more than 3,000.00 at once.",
        "text_zh": "单次充值不超过3,000.00。",
        "reason": "in the gazette",
    }
    assert "Change a rule" in desk.client().get("/office/returns/rules").content.decode()
    assert desk.client().get("/office/returns/rules/change?set=two").status_code == 200
    wrong = desk.client().post("/office/returns/rules/change", fields | {"value": "much"})
    assert (wrong.status_code, "does not take such a value" in wrong.content.decode()) == (422, True)
    desk.client().post("/office/returns/rules/change", fields)
    assert not Rule.objects.filter(rule_set=rule_set).exists()

    assert "Approved and carried out." in decide(colleague(desk), "approve")

    assert Rule.objects.get(rule_set=rule_set).value == 300_000


def test_a_limit_that_stays_as_it_is_is_not_asked_for(desk: Desk, made: IssuedCard) -> None:
    fields = {"id": uuid7(), "transaction_id": uuid7(), "reason": "x", "term": "balance_max", "amount": ""}
    answer = desk.client().post(f"/cards/{made.card.id}/asking/limit", fields)
    assert (answer.status_code, "This is the limit already." in answer.content.decode()) == (422, True)
