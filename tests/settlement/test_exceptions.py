"""Exceptions: stored once while open, resolved by a person, and back again when that settles nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from prepaid.identifiers import uuid7
from prepaid.settlement.errors import ResolutionRefused
from prepaid.settlement.exceptions import Finding, list_open, list_resolved, record, resolve
from prepaid.settlement.kinds import BATCH_DIFFERENCE
from prepaid.settlement.models import SettlementException
from prepaid.settlement.reconcile import reconcile
from prepaid.stores.models import Terminal
from tests.shop import NOON, Shop, together

pytestmark = pytest.mark.usefixtures("own_db")


def difference(found: str = "2 and 3") -> Finding:
    return Finding(kind=BATCH_DIFFERENCE, subject="batch", key="b1", found=found)


def broken() -> Finding:
    return Finding(kind="chain_verifies", subject="transaction", key="a1/2", found="its hash does not follow")


def only() -> SettlementException:
    return SettlementException.objects.get(resolved_at__isnull=True)


def test_finding_is_stored_once_and_seen_again() -> None:
    assert record([broken()], at=NOON) == 1
    assert record([broken()], at=NOON + timedelta(hours=1)) == 0

    assert (only().first_seen_at, only().last_seen_at) == (NOON, NOON + timedelta(hours=1))


def test_one_finding_twice_in_a_run_is_one_exception() -> None:
    assert record([broken(), broken()], at=NOON) == 1


def test_resolved_exception_keeps_who_and_why() -> None:
    record([difference()], at=NOON)
    resolve(only().id, actor="manager", note=" counted again ", at=NOON + timedelta(hours=1))

    resolved = list_resolved().get()
    assert (resolved.resolved_by, resolved.note, resolved.resolved_at) == (
        "manager",
        "counted again",
        NOON + timedelta(hours=1),
    )
    assert not list_open().exists()


def test_settled_difference_stays_settled_while_the_same_is_found() -> None:
    record([difference()], at=NOON)
    resolve(only().id, actor="manager", note="counted again", at=NOON)

    assert record([difference()], at=NOON + timedelta(days=1)) == 0
    assert not list_open().exists()


def test_settled_difference_that_changes_is_a_new_exception() -> None:
    record([difference()], at=NOON)
    resolve(only().id, actor="manager", note="counted again", at=NOON)

    assert record([difference("2 and 4")], at=NOON + timedelta(days=1)) == 1


def test_broken_ledger_is_not_settled_by_a_note() -> None:
    record([broken()], at=NOON)
    resolve(only().id, actor="manager", note="looks fine", at=NOON)

    assert record([broken()], at=NOON + timedelta(days=1)) == 1


@pytest.mark.parametrize(("actor", "note"), [("manager", "  "), ("", "counted again")])
def test_resolving_needs_a_person_and_a_reason(actor: str, note: str) -> None:
    record([difference()], at=NOON)
    with pytest.raises(ResolutionRefused):
        resolve(only().id, actor=actor, note=note, at=NOON)
    assert only().resolved_at is None


def test_exception_is_resolved_once() -> None:
    record([difference()], at=NOON)
    exception = only()
    resolve(exception.id, actor="manager", note="first", at=NOON)

    with pytest.raises(ResolutionRefused):
        resolve(exception.id, actor="other", note="second", at=NOON)
    with pytest.raises(ResolutionRefused):
        resolve(uuid7(), actor="other", note="none of ours", at=NOON)

    exception.refresh_from_db()
    assert (exception.resolved_by, exception.note) == ("manager", "first")


def test_database_refuses_a_half_resolution_and_a_second_open_row() -> None:
    record([difference()], at=NOON)
    with pytest.raises(IntegrityError, match="settlement_exception_resolved_whole"), transaction.atomic():
        SettlementException.objects.update(resolved_at=NOON)
    again = only()
    again.pk = uuid7()
    with pytest.raises(IntegrityError, match="settlement_exception_open_once"), transaction.atomic():
        again.save(force_insert=True)


@pytest.mark.race
def test_two_runs_at_once_store_one_exception(shop: Shop) -> None:
    Terminal.objects.filter(id=shop.terminal.id).update(queue_count=3, queue_amount_minor=900)

    together([lambda: reconcile(NOON)] * 6)  # type: ignore[list-item, return-value]

    assert only().kind == "terminal_silent_with_queue"


def test_silent_terminal_with_unsent_transactions_is_found_until_it_speaks(shop: Shop) -> None:
    terminals = Terminal.objects.filter(id=shop.terminal.id)
    terminals.update(queue_count=2, queue_amount_minor=4_650, last_seen_at=NOON - timedelta(minutes=16))

    found = reconcile(NOON)
    (exception,) = found.open
    assert exception.found == f"{shop.store.code} T1: 2 unsent of ¥46.50, last seen 2026-11-23 03:44 UTC"
    assert exception.severity == "warning"

    terminals.update(last_seen_at=NOON)
    assert reconcile(NOON + timedelta(minutes=1)).is_clean


@pytest.mark.parametrize(
    ("queue", "minutes", "state"), [(0, 600, "active"), (2, 14, "active"), (2, 600, "retired")]
)
def test_terminal_that_is_empty_heard_or_retired_is_no_finding(
    shop: Shop, queue: int, minutes: int, state: str
) -> None:
    Terminal.objects.filter(id=shop.terminal.id).update(
        queue_count=queue, last_seen_at=NOON - timedelta(minutes=minutes), state=state
    )
    assert reconcile(NOON).open == []
