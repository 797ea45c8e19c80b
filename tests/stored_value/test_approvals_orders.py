"""Orders of many cards under two-person control: nothing is made before it is decided, whoever calls."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone

from prepaid.cards.models import BulkEvent, BulkLine, CardOrder, Program
from prepaid.cards.rules.in_force import RuleRefused
from prepaid.identifiers import uuid7
from prepaid.ledger.errors import IdReused
from prepaid.stored_value.approvals.bulk import (
    ask_for_order,
    bulk_issue_of,
    find_request_of,
    give_up_order,
    list_waiting,
)
from prepaid.stored_value.approvals.errors import (
    AlreadyAsked,
    AlreadyDecided,
    ReasonMissing,
    RoleLacking,
    SelfApproval,
)
from prepaid.stored_value.approvals.models import Approval
from prepaid.stored_value.approvals.service import OPEN_FOR, Asked, approve, foresee, refuse
from prepaid.stored_value.bulk.errors import BulkRefused
from prepaid.stored_value.bulk.orders import approve_order, make_chunk
from prepaid.stored_value.bulk.work import work_off
from prepaid.stores.models import Staff
from tests.shop import Shop, assert_ledger_is_clean, figures, open_shop
from tests.stored_value.bulk import draft, fund, outcomes
from tests.stored_value.people import hire
from tests.stored_value.rule_sets import rule_set

pytestmark = pytest.mark.usefixtures("db")
BOUND = 30_000
THREADS = 8


@pytest.fixture
def shop() -> Shop:
    """A shop whose managers order up to 300.00 alone."""
    return open_shop(bulk_issue_alone_max=BOUND)


@pytest.fixture
def asker(shop: Shop) -> Staff:
    return hire(shop)


@pytest.fixture
def second(shop: Shop) -> Staff:
    return hire(shop)


def asked_for(order: CardOrder, staff: Staff, **changed: Any) -> Asked:
    values: dict[str, Any] = {"approval_id": uuid7(), "reason": "for the feast", "at": timezone.now()}
    return ask_for_order(order.id, staff=staff, **values | changed)


def state_of(order: CardOrder) -> str:
    return CardOrder.objects.get(pk=order.id).state


def test_at_the_amount_a_manager_orders_alone_and_it_is_kept(shop: Shop, asker: Staff) -> None:
    order = draft(shop, 3, BOUND // 3)
    assert not foresee(bulk_issue_of(order), staff=asker).second_needed

    done = asked_for(order, asker)

    assert (done.is_executed, state_of(order)) == (True, "approved")
    assert (done.approval.verdict, done.approval.amount, done.approval.decided_by) == (
        "alone",
        BOUND,
        asker.code,
    )
    assert_ledger_is_clean()


def test_above_the_amount_nothing_is_made_before_another_manager_approves_and_then_it_goes_on(
    shop: Shop, asker: Staff, second: Staff
) -> None:
    shop.card()
    work_off(now=timezone.now, may_go_on=lambda: True)  # what other tests left
    order, before = draft(shop, 2, BOUND // 2 + 1), figures()
    assert foresee(bulk_issue_of(order), staff=asker).second_needed

    asked = asked_for(order, asker)
    work_off(now=timezone.now, may_go_on=lambda: True)

    assert asked.is_pending
    assert (state_of(order), BulkLine.objects.filter(bulk_id=order.id).count()) == ("draft", 0)
    assert list_waiting([order.id], timezone.now()) == {order.id}
    assert Approval.objects.get(pk=asked.approval.id).asked == bulk_issue_of(order)

    assert approve(asked.approval.id, staff=second, at=timezone.now()).is_executed
    work_off(now=timezone.now, may_go_on=lambda: True)

    assert state_of(order) == "made"
    assert figures() == before
    assert BulkEvent.objects.get(bulk_id=order.id, change="approve").actor == second.code
    assert list_waiting([order.id], timezone.now()) == set()
    fund(order)
    assert outcomes(order) == ["loaded"] * 2
    assert_ledger_is_clean()


def test_nobody_approves_the_order_they_asked_for(shop: Shop, asker: Staff) -> None:
    order = draft(shop, 2, BOUND)
    asked = asked_for(order, asker)
    with pytest.raises(SelfApproval):
        approve(asked.approval.id, staff=asker, at=timezone.now())
    assert state_of(order) == "draft"


def test_only_managers_ask_for_an_order_with_a_reason(shop: Shop, asker: Staff) -> None:
    order = draft(shop)
    with pytest.raises(RoleLacking):
        asked_for(order, hire(shop, "cashier"))
    with pytest.raises(ReasonMissing):
        asked_for(order, asker, reason=" ")
    assert find_request_of(order.id) is None


def test_what_is_refused_stays_a_draft_and_is_asked_for_again(
    shop: Shop, asker: Staff, second: Staff
) -> None:
    order = draft(shop, 2, BOUND)
    first = asked_for(order, asker)
    with pytest.raises(AlreadyAsked):
        asked_for(order, second)
    refuse(first.approval.id, staff=second, reason="too many", at=timezone.now())
    assert state_of(order) == "draft"

    again = asked_for(order, asker)

    assert find_request_of(order.id) == again.approval
    assert approve(again.approval.id, staff=second, at=timezone.now()).is_executed
    assert state_of(order) == "approved"
    assert_ledger_is_clean()


def test_what_nobody_decided_in_time_is_asked_for_again_before_any_job_ran(
    shop: Shop, asker: Staff, second: Staff
) -> None:
    order, at = draft(shop, 2, BOUND), timezone.now() - OPEN_FOR - timedelta(hours=1)
    first = asked_for(order, asker, at=at)
    assert list_waiting([order.id], timezone.now()) == set()

    again = asked_for(order, asker)

    assert Approval.objects.get(pk=first.approval.id).verdict == "expired"
    assert approve(again.approval.id, staff=second, at=timezone.now()).is_executed


def test_a_repeat_of_asking_is_the_same_request_and_approves_once(shop: Shop, asker: Staff) -> None:
    order, approval_id = draft(shop, 1, BOUND), uuid7()
    first = asked_for(order, asker, approval_id=approval_id)
    again = asked_for(order, asker, approval_id=approval_id)
    assert (first.approval, again.is_executed) == (again.approval, True)
    assert BulkEvent.objects.filter(bulk_id=order.id, change="approve").count() == 1
    with pytest.raises(IdReused):
        asked_for(draft(shop, 2, BOUND), asker, approval_id=approval_id)
    with pytest.raises(BulkRefused):
        asked_for(order, asker)


def test_to_give_an_order_up_takes_back_what_was_asked_for_it(
    shop: Shop, asker: Staff, second: Staff
) -> None:
    order = draft(shop, 2, BOUND)
    asked = asked_for(order, asker)
    give_up_order(order.id, staff=second, reason="cancelled", at=timezone.now())
    assert state_of(order) == "cancelled"
    assert Approval.objects.get(pk=asked.approval.id).verdict == "refused"
    with pytest.raises(AlreadyDecided):
        approve(asked.approval.id, staff=hire(shop), at=timezone.now())

    made = draft(shop, 1, BOUND)
    asked_for(made, asker)
    with pytest.raises(BulkRefused):
        give_up_order(made.id, staff=asker, reason="cancelled", at=timezone.now())
    assert state_of(made) == "approved"


def test_a_rule_that_came_since_declines_what_is_approved_and_nothing_is_made(
    shop: Shop, asker: Staff, second: Staff
) -> None:
    order = draft(shop, 2, BOUND)
    asked = asked_for(order, asker)
    strict = rule_set(identity_required_when={"any_load": True})
    Program.objects.filter(pk=shop.program.pk).update(rule_set=strict)

    done = approve(asked.approval.id, staff=second, at=timezone.now())

    assert (done.is_executed, done.approval.outcome_reason) == (False, "rule_refused")
    assert state_of(order) == "draft"
    with pytest.raises(RuleRefused):
        asked_for(order, asker)
    Program.objects.filter(pk=shop.program.pk).update(rule_set=None)
    again = asked_for(order, asker)
    assert approve(again.approval.id, staff=second, at=timezone.now()).is_executed
    assert_ledger_is_clean()


# When the service is passed by.


def test_the_table_refuses_an_order_that_nobody_approved(shop: Shop, asker: Staff, second: Staff) -> None:
    order, other = draft(shop, 2, BOUND), draft(shop, 2, BOUND)
    asked_for(order, asker)
    approve(asked_for(other, asker).approval.id, staff=second, at=timezone.now())
    for state in ("approved", "made", "funded", "activated"):
        with (
            pytest.raises(DatabaseError, match=r"no approval of this very order|cards_order"),
            transaction.atomic(),
        ):
            CardOrder.objects.filter(pk=order.id).update(state=state)
    with pytest.raises(DatabaseError, match="no approval of this very order"), transaction.atomic():
        approve_order(order.id, by=second.code, at=timezone.now())
    with pytest.raises(DatabaseError, match="begins as a draft"), transaction.atomic():
        CardOrder.objects.create(
            program=shop.program, store_id=shop.store.id, till_id=shop.till.id, buyer_name="x", quantity=1,
            amount_each=1, tender="cash", ordered_by="m1", ordered_at=shop.at, state="approved",
        )  # fmt: skip
    assert state_of(order) == "draft"
    assert not make_chunk(order.id, at=timezone.now())


@pytest.mark.parametrize("changed", [{"quantity": 3}, {"amount_each": 1}])
def test_what_was_ordered_is_never_changed(shop: Shop, changed: dict[str, int]) -> None:
    order = draft(shop, 2, BOUND)
    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
        CardOrder.objects.filter(pk=order.id).update(**changed)
