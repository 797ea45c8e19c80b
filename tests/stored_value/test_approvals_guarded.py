"""What holds when the service is passed by: constraints, triggers, races on connections, and the audit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone

from prepaid.cards.lifecycle import change_state
from prepaid.cards.models import Card, CardEvent
from prepaid.identifiers import uuid7
from prepaid.ledger.audit import audit
from prepaid.stored_value.approvals.models import Approval
from prepaid.stored_value.approvals.payloads import Unblock
from prepaid.stored_value.approvals.service import approve, expire_approvals, refuse
from prepaid.stores.models import Staff
from tests.databases import connect_as_superuser
from tests.shop import HeldCard, Shop, assert_ledger_is_clean, open_shop, together
from tests.stored_value.people import adjust_of, asked_by, hire, may_unblock
from tests.stored_value.races import change, take_out

THREADS = 12


def told(results: list[Any]) -> Counter[str]:
    """Count what the threads were told."""
    return Counter(
        type(result).__name__ if isinstance(result, Exception) else "executed" for result in results
    )


def race(calls: list[Callable[[], Any]]) -> Counter[str]:
    return told(together(calls))


def wait_for_two(shop: Shop, held: HeldCard, **changed: Any) -> UUID:
    """Ask for 1.00 more on a card of a shop where each adjustment needs two."""
    return asked_by(hire(shop), adjust_of(held, 100), **changed).approval.id


@pytest.mark.race
def test_of_many_approvals_at_once_one_is_carried_out(committed_db: None) -> None:
    shop = open_shop()
    held = shop.card()
    approval_id, managers = wait_for_two(shop, held), [hire(shop) for _ in range(THREADS)]

    results = race([partial(approve, approval_id, staff=one, at=timezone.now()) for one in managers])

    assert results == {"executed": 1, "AlreadyDecided": THREADS - 1}
    assert held.balance() == 100
    assert_ledger_is_clean()


@pytest.mark.race
def test_without_the_look_at_the_verdict_many_are_told_that_they_approved(scratch_db: str) -> None:
    take_out("stored_value_decide_approval", "and approval.verdict is null and", instead="and")
    take_out("stored_value_conclude_approval", " and outcome is null")
    change("drop trigger decided_once on ledger_approval")
    shop = open_shop()
    held = shop.card()
    approval_id, managers = wait_for_two(shop, held), [hire(shop) for _ in range(THREADS)]

    results = race([partial(approve, approval_id, staff=one, at=timezone.now()) for one in managers])

    assert results["executed"] > 1
    # The id under which it is carried out is the second guard: even so it is posted once.
    assert held.balance() == 100


@pytest.mark.race
def test_approved_refused_and_expired_at_once_is_one_of_them(committed_db: None) -> None:
    for _ in range(6):
        shop = open_shop()
        held, at = shop.card(), timezone.now()
        approval_id, first, second = wait_for_two(shop, held, at=at), hire(shop), hire(shop)
        together(
            [
                partial(approve, approval_id, staff=first, at=at + timedelta(hours=1)),  # type: ignore[list-item]
                partial(refuse, approval_id, staff=second, reason="no slip", at=at + timedelta(hours=1)),  # type: ignore[list-item]
                partial(expire_approvals, at + timedelta(days=9)),  # type: ignore[list-item]
            ]
        )
        kept = Approval.objects.get(pk=approval_id)
        assert held.balance() == (100 if kept.verdict == "approved" else 0)
        assert kept.verdict in ("approved", "refused", "expired")
    assert_ledger_is_clean()


@pytest.mark.race
def test_the_same_request_sent_many_times_at_once_is_carried_out_once(committed_db: None) -> None:
    shop = open_shop(adjust_alone_max=None)
    held, staff = shop.card(), hire(shop)
    ids = {"approval_id": uuid7(), "transaction_id": uuid7(), "at": timezone.now()}

    results = race([partial(asked_by, staff, adjust_of(held, 100), **ids)] * THREADS)

    assert results == {"executed": THREADS}
    assert held.balance() == 100
    assert_ledger_is_clean()


# A card that was blocked.


def blocked(shop: Shop, balance: int = 0) -> HeldCard:
    held = shop.card(balance=balance)
    change_state(held.card.id, "block", actor="op-1", at=shop.at)
    return held


def unblock(held: HeldCard, **changed: Any) -> Any:
    return change_state(held.card.id, "unblock", actor="op-1", at=timezone.now(), **changed)


def state_of(held: HeldCard) -> str:
    return Card.objects.get(pk=held.card.pk).state


def test_no_caller_unblocks_a_card_past_its_approval(db: None) -> None:
    shop = open_shop(unblock_alone_max=0)
    held, other = blocked(shop), blocked(shop)
    may_unblock(shop, other.card.id)

    with pytest.raises(DatabaseError, match="no approval of this unblock"), transaction.atomic():
        unblock(held)

    assert (state_of(held), state_of(other)) == ("blocked", "blocked")
    assert not CardEvent.objects.filter(card=held.card, change="unblock").exists()


def test_what_was_loaded_since_the_screen_was_drawn_counts_against_one_person_alone(db: None) -> None:
    shop = open_shop(unblock_alone_max=1_000)
    held, drawn = blocked(shop, 1_001), {"balance_minor": 1_000, "currency": "CNY"}
    asked = Unblock(card_id=held.card.id, **drawn)  # type: ignore[arg-type]

    done = asked_by(hire(shop), asked)

    assert (done.is_executed, done.approval.outcome_reason) == (False, "changed_since")
    assert state_of(held) == "blocked"
    above = Unblock(card_id=held.card.id, balance_minor=held.balance(), currency="CNY")
    approve(asked_by(hire(shop), above).approval.id, staff=hire(shop), at=timezone.now())
    assert state_of(held) == "active"
    assert_ledger_is_clean()


def test_without_the_guard_of_the_table_the_audit_names_the_card_that_ran_again(scratch_db: str) -> None:
    change("drop trigger approved on cards_card")
    held = blocked(open_shop())
    unblock(held)
    assert [(one.invariant, one.key) for one in audit()] == [("unblock_is_approved", str(held.card.id))]


# The row itself.

FORBIDDEN = {
    "approved by who asked": (
        "verdict = 'approved', decided_by = asked_by, decided_by_user = asked_by_user, decided_at = asked_at",
        "ledger_approval_by_another_person",
    ),
    "approved by nobody": (
        "verdict = 'approved', decided_at = asked_at",
        "ledger_approval_by_another_person",
    ),
    "done alone above the amount": (
        "verdict = 'alone', decided_by = asked_by, decided_by_user = asked_by_user, decided_at = asked_at",
        "ledger_approval_alone_below_the_amount",
    ),
    "approved too late": (
        "verdict = 'approved', decided_by = 'x', decided_by_user = -1, decided_at = expires_at",
        "ledger_approval_in_time",
    ),
    "refused without a reason": (
        "verdict = 'refused', decided_by = 'x', decided_by_user = -1, decided_at = asked_at",
        "ledger_approval_refused_for_a_reason",
    ),
    "decided at no time": ("verdict = 'expired'", "ledger_approval_decided_whole"),
    "carried out before it is decided": ("outcome = 'executed'", "decided once"),
    "made smaller": ("amount = 1, verdict = 'expired', decided_at = expires_at", "never changed"),
}


@pytest.fixture
def pending(owner: psycopg.Connection[tuple[object, ...]]) -> UUID:
    shop = open_shop()
    return wait_for_two(shop, shop.card())


@pytest.mark.parametrize("name", FORBIDDEN)
def test_the_owner_of_the_table_cannot_decide_otherwise(
    owner: psycopg.Connection[tuple[object, ...]], pending: UUID, name: str
) -> None:
    columns, guard = FORBIDDEN[name]
    with pytest.raises(psycopg.Error, match=guard):
        owner.execute(f"update ledger_approval set {columns} where id = %s", [pending])


def test_a_decision_is_never_taken_back(owner: psycopg.Connection[tuple[object, ...]], pending: UUID) -> None:
    staff = Staff.objects.filter(user_id=Approval.objects.get(pk=pending).asked_by_user).get()
    refuse(pending, staff=staff, reason="typed wrongly", at=timezone.now())
    for columns in ("verdict = null, decided_at = null", "decision_reason = 'other'", "reason = 'other'"):
        with pytest.raises(psycopg.Error, match="decided once"):
            owner.execute(f"update ledger_approval set {columns} where id = %s", [pending])
    with pytest.raises(psycopg.Error, match="append-only"):
        owner.execute("delete from ledger_approval where id = %s", [pending])


# The audit.

PLANTED = {
    "no approval": "delete from ledger_approval where transaction_id = '{id}'",
    "approved by who asked": (
        "update ledger_approval set decided_by_user = asked_by_user, decided_by = asked_by "
        "where transaction_id = '{id}'"
    ),
    "alone above the amount": "update ledger_approval set verdict = 'alone' where transaction_id = '{id}'",
    "of another amount": "update ledger_approval set amount = 99 where transaction_id = '{id}'",
    "of another account": (
        "update ledger_approval set account_id = gen_random_uuid() where transaction_id = '{id}'"
    ),
    "of another kind": "update ledger_approval set kind = 'unblock' where transaction_id = '{id}'",
    "refused": "update ledger_approval set verdict = 'refused', outcome = null where transaction_id = '{id}'",
}
CHECKS = (
    "ledger_approval_by_another_person",
    "ledger_approval_alone_below_the_amount",
    "ledger_approval_refused_for_a_reason",
)


@pytest.mark.parametrize("name", PLANTED)
def test_audit_names_an_adjustment_that_no_two_persons_approved(scratch_db: str, name: str) -> None:
    shop = open_shop()
    done = approve(wait_for_two(shop, shop.card()), staff=hire(shop), at=timezone.now())
    assert done.is_executed
    assert_ledger_is_clean()
    with connect_as_superuser(scratch_db) as superuser:
        superuser.execute("set session_replication_role = replica")
        for check in CHECKS:
            superuser.execute(f"alter table ledger_approval drop constraint {check}")
        superuser.execute(PLANTED[name].format(id=done.approval.transaction_id))

    found = [one for one in audit() if one.invariant == "adjustment_and_unlinked_refund_are_approved"]

    assert [str(done.approval.transaction_id) in one.key for one in found] == [True]


def test_audit_names_an_approval_that_was_never_concluded(scratch_db: str) -> None:
    shop = open_shop()
    done = approve(wait_for_two(shop, shop.card()), staff=hire(shop), at=timezone.now())
    with connect_as_superuser(scratch_db) as superuser:
        superuser.execute("set session_replication_role = replica")
        superuser.execute("update ledger_approval set outcome = null where id = %s", [done.approval.id])

    found = {one.invariant: one.key for one in audit()}

    assert found["approval_is_concluded_with_its_decision"] == str(done.approval.id)
