"""Imports under two-person control: nothing is brought in before it is decided, whoever calls."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone

from prepaid.cards.models import BulkEvent, BulkLine, Card, CardImport, Program
from prepaid.identifiers import uuid7
from prepaid.ledger.audit import audit
from prepaid.stored_value.approvals.bulk import (
    ask_for_import,
    bulk_import_of,
    find_request_of,
    list_waiting,
)
from prepaid.stored_value.approvals.errors import AlreadyAsked, RoleLacking, SelfApproval
from prepaid.stored_value.approvals.service import Asked, approve, foresee, refuse
from prepaid.stored_value.bulk.errors import BulkRefused
from prepaid.stored_value.bulk.imports import start_import
from prepaid.stored_value.bulk.work import work_off
from prepaid.stores.models import Staff
from tests.databases import connect_as_superuser
from tests.shop import Shop, assert_ledger_is_clean, figures, open_shop, together
from tests.stored_value.bulk import run, upload
from tests.stored_value.people import hire
from tests.stored_value.races import change
from tests.stored_value.rule_sets import rule_set

# What the sheet brings in, paid and bonus.
WORTH = 1_850
THREADS = 8


@pytest.fixture
def shop(db: None) -> Shop:
    return open_shop(bulk_import_alone_max=WORTH - 1)


def sheet(shop: Shop) -> CardImport:
    return upload(shop, "external_id,balance,bonus\nA1,10.00,1\nA2,7.50,0\n")


def asked_for(made: CardImport, staff: Staff, **changed: Any) -> Asked:
    values: dict[str, Any] = {"approval_id": uuid7(), "reason": "it ends", "at": timezone.now()}
    return ask_for_import(made.id, staff=staff, **values | changed)


def state_of(made: CardImport) -> str:
    return CardImport.objects.get(pk=made.id).state


def work() -> None:
    work_off(now=timezone.now, may_go_on=lambda: True)


@pytest.mark.parametrize("bound", [WORTH, None])
def test_at_the_amount_a_manager_brings_a_file_in_alone_and_it_is_kept(shop: Shop, bound: int | None) -> None:
    Program.objects.filter(pk=shop.program.pk).update(bulk_import_alone_max=bound)
    made, asker = sheet(shop), hire(shop)
    assert not foresee(bulk_import_of(made), staff=asker).second_needed

    done = asked_for(made, asker)
    work()

    assert (done.approval.verdict, done.approval.amount, state_of(made)) == ("alone", WORTH, "done")
    assert_ledger_is_clean()


def test_above_the_amount_nothing_comes_in_before_another_manager_approves_and_then_it_goes_on(
    shop: Shop,
) -> None:
    made, asker, second, before = sheet(shop), hire(shop), hire(shop), figures()

    asked = asked_for(made, asker)
    work()

    assert asked.is_pending
    assert (state_of(made), figures(), Card.objects.filter(program=shop.program).count()) == (
        "checked", before, 0,
    )  # fmt: skip
    assert list_waiting([made.id], timezone.now()) == {made.id}
    with pytest.raises(SelfApproval):
        approve(asked.approval.id, staff=asker, at=timezone.now())
    with pytest.raises(AlreadyAsked):
        asked_for(made, second)
    assert approve(asked.approval.id, staff=second, at=timezone.now()).is_executed
    work()
    assert state_of(made) == "done"
    assert BulkEvent.objects.get(bulk_id=made.id, change="run").actor == second.code
    assert_ledger_is_clean()


def test_refused_it_may_be_asked_for_again_and_cashiers_never_ask(shop: Shop) -> None:
    made, second = sheet(shop), hire(shop)
    with pytest.raises(RoleLacking):
        asked_for(made, hire(shop, "cashier"))
    first = asked_for(made, hire(shop))
    refuse(first.approval.id, staff=second, reason="which system?", at=timezone.now())
    again = asked_for(made, hire(shop))
    assert find_request_of(made.id) == again.approval
    assert (state_of(made), approve(again.approval.id, staff=second, at=timezone.now()).is_executed) == (
        "checked", True,
    )  # fmt: skip
    with pytest.raises(BulkRefused):
        asked_for(made, hire(shop))


def test_a_rule_that_came_since_declines_what_is_approved_and_nothing_comes_in(shop: Shop) -> None:
    made = sheet(shop)
    asked = asked_for(made, hire(shop))
    strict = rule_set(expiry_allowed=False)
    Program.objects.filter(pk=shop.program.pk).update(rule_set=strict, value_valid_months=12)
    done = approve(asked.approval.id, staff=hire(shop), at=timezone.now())
    assert (done.is_executed, done.approval.outcome_reason, state_of(made)) == (
        False, "rule_refused", "checked",
    )  # fmt: skip


# When the service is passed by.


def test_the_table_refuses_an_import_that_nobody_approved_and_a_change_of_its_sums(shop: Shop) -> None:
    made, other = sheet(shop), upload(shop, "external_id,balance\nB1,1\n")
    asked_for(made, hire(shop))
    run(other)
    for state in ("running", "done", "undoing", "undone"):
        with pytest.raises(DatabaseError, match="no approval of this very import"), transaction.atomic():
            CardImport.objects.filter(pk=made.id).update(state=state)
    with pytest.raises(DatabaseError, match="no approval of this very import"), transaction.atomic():
        start_import(made.id, by="m1", at=timezone.now())
    for changed in ({"quantity": 1}, {"paid_minor": 1}, {"bonus_minor": 0}):
        with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
            CardImport.objects.filter(pk=made.id).update(**changed)
    assert state_of(made) == "checked"


def test_lines_that_were_changed_since_the_check_are_not_brought_in(shop: Shop) -> None:
    made = sheet(shop)
    asked = asked_for(made, hire(shop))
    BulkLine.objects.filter(bulk_id=made.id, line=2).update(paid_minor=10**9)
    with pytest.raises(DatabaseError, match="no approval of this very import"), transaction.atomic():
        approve(asked.approval.id, staff=hire(shop), at=timezone.now())
    assert state_of(made) == "checked"


def test_without_the_guard_of_the_table_the_audit_names_the_import(scratch_db: str) -> None:
    change("drop trigger approved on cards_cardimport")
    made = sheet(open_shop())
    start_import(made.id, by="m1", at=timezone.now())
    assert [(one.invariant, one.key) for one in audit()] == [("import_is_approved", str(made.id))]


PLANTED = {
    "no approval": "delete from ledger_approval",
    "of a smaller file": "update ledger_approval set amount = amount - 1",
    "of another file": "update ledger_approval set payload = '{}'",
    "approved by who asked": "update ledger_approval set decided_by_user = asked_by_user",
    "lines made larger": "update cards_bulkline set paid_minor = paid_minor + 1",
}


def test_audit_names_an_import_that_no_two_persons_approved(scratch_db: str) -> None:
    made = run(sheet(open_shop()))
    assert_ledger_is_clean()
    named = {}
    with connect_as_superuser(scratch_db) as superuser:
        superuser.execute("set session_replication_role = replica")
        superuser.execute("alter table ledger_approval drop constraint ledger_approval_by_another_person")
        superuser.execute("create table kept as table ledger_approval")
        for name, plant in PLANTED.items():
            superuser.execute(plant)
            named[name] = [one.key for one in audit() if one.invariant == "import_is_approved"]
            superuser.execute("delete from ledger_approval")
            superuser.execute("insert into ledger_approval table kept")
    assert named == {name: [str(made.id)] for name in PLANTED}


@pytest.mark.race
def test_of_many_approvals_at_once_one_starts_the_import(committed_db: None) -> None:
    shop = open_shop()
    made = sheet(shop)
    asked, managers = asked_for(made, hire(shop)), [hire(shop) for _ in range(THREADS)]
    calls: list[Any] = [partial(approve, asked.approval.id, staff=one, at=timezone.now()) for one in managers]
    told = sorted(type(each).__name__ for each in together(calls))
    assert told == ["AlreadyDecided"] * (THREADS - 1) + ["Asked"]
    assert BulkEvent.objects.filter(bulk_id=made.id, change="run").count() == 1
