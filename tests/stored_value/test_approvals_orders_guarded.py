"""What holds for an order when the service is passed by: constraints, races on connections, and the audit."""

from __future__ import annotations

from functools import partial
from typing import Any

import psycopg
import pytest
from django.utils import timezone

from prepaid.cards.models import BulkEvent
from prepaid.ledger.audit import audit
from prepaid.stored_value.approvals.bulk import give_up_order
from prepaid.stored_value.approvals.models import Approval
from prepaid.stored_value.approvals.service import approve
from prepaid.stored_value.bulk.orders import approve_order
from tests.databases import connect_as_superuser
from tests.shop import assert_ledger_is_clean, open_shop, together
from tests.stored_value.bulk import draft, make
from tests.stored_value.people import hire
from tests.stored_value.races import change
from tests.stored_value.test_approvals_orders import asked_for, state_of

THREADS = 8


def test_the_owner_of_the_table_cannot_approve_for_who_asked(
    owner: psycopg.Connection[tuple[object, ...]],
) -> None:
    shop = open_shop()
    asked = asked_for(draft(shop, 2), hire(shop))
    with pytest.raises(psycopg.Error, match="ledger_approval_by_another_person"):
        owner.execute(
            "update ledger_approval set verdict = 'approved', decided_by = asked_by, "
            "decided_by_user = asked_by_user, decided_at = asked_at where id = %s",
            [asked.approval.id],
        )


def test_without_the_guard_of_the_table_an_order_is_made_that_nobody_approved_and_the_audit_names_it(
    scratch_db: str,
) -> None:
    change("drop trigger approved on cards_cardorder")
    order = draft(open_shop(), 2)
    approve_order(order.id, by="m1", at=timezone.now())
    assert {one.invariant for one in audit()} == {"order_is_approved"}


PLANTED = {
    "no approval": "delete from ledger_approval",
    "of a smaller order": "update ledger_approval set amount = amount - 1",
    "of another order": "update ledger_approval set payload = '{}'",
    "approved by who asked": "update ledger_approval set decided_by_user = asked_by_user",
    "alone above the amount": "update ledger_approval set verdict = 'alone'",
}


@pytest.mark.parametrize("name", PLANTED)
def test_audit_names_an_order_that_no_two_persons_approved(scratch_db: str, name: str) -> None:
    order = draft(open_shop(), 2)
    make(order)
    assert_ledger_is_clean()
    with connect_as_superuser(scratch_db) as superuser:
        superuser.execute("set session_replication_role = replica")
        for check in ("ledger_approval_by_another_person", "ledger_approval_alone_below_the_amount"):
            superuser.execute(f"alter table ledger_approval drop constraint {check}")
        superuser.execute(PLANTED[name])
    assert [one.key for one in audit() if one.invariant == "order_is_approved"] == [str(order.id)]


@pytest.mark.race
def test_an_order_approved_and_given_up_at_once_is_one_of_them(committed_db: None) -> None:
    for _ in range(6):
        shop = open_shop()
        order, managers = draft(shop, 2), [hire(shop) for _ in range(THREADS)]
        asked, at = asked_for(order, hire(shop)), timezone.now()
        calls: list[Any] = [partial(approve, asked.approval.id, staff=one, at=at) for one in managers[2:]]
        calls += [partial(give_up_order, order.id, staff=one, reason="no", at=at) for one in managers[:2]]
        together(calls)
        kept = Approval.objects.get(pk=asked.approval.id)
        assert state_of(order) == {"approved": "approved", "refused": "cancelled"}[str(kept.verdict)]
        events = BulkEvent.objects.filter(bulk_id=order.id).exclude(change="order")
        assert events.count() == 1
    assert_ledger_is_clean()


@pytest.mark.race
def test_of_many_managers_that_ask_at_once_for_one_order_one_waits(committed_db: None) -> None:
    shop = open_shop()
    order, managers = draft(shop, 2), [hire(shop) for _ in range(THREADS)]
    calls: list[Any] = [partial(asked_for, order, one) for one in managers]
    results: list[Any] = list(together(calls))
    assert sorted(type(each).__name__ for each in results) == ["AlreadyAsked"] * (THREADS - 1) + ["Asked"]
