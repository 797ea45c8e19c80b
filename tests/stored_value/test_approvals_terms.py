"""A program's terms: two managers change them, and only from what stood when it was asked."""

from __future__ import annotations

from functools import partial
from typing import Any

import psycopg
import pytest
from django.utils import timezone

from prepaid.cards.models import Program
from prepaid.stored_value.approvals import executing
from prepaid.stored_value.approvals.errors import RoleLacking, SelfApproval
from prepaid.stored_value.approvals.models import Approval
from prepaid.stored_value.approvals.payloads import ProgramChange
from prepaid.stored_value.approvals.service import Asked, approve, foresee, refuse
from prepaid.stored_value.approvals.terms import program_change_of, terms_of
from prepaid.stores.models import Staff
from tests.shop import Shop, figures, open_shop, together
from tests.stored_value.people import asked_by, hire
from tests.stored_value.rule_sets import rule_set

THREADS = 8
# Terms of each shape: what stands, and what is asked for.
TERMS: dict[str, tuple[Any, Any]] = {
    "redeem_single_max": (5_000, 1),
    "redeem_day_max": (None, 70_000),
    "balance_max": (90_000, None),
    "adjust_alone_max": (0, 10**9),
    "low_trust_pin_lifts": (True, False),
    "allowed_credentials": (["number", "qr"], ["uid"]),
    "scope_store_ids": (None, []),
    "moves_to": ("any", "nothing"),
    "name_zh": ("", "新卡"),
}


@pytest.fixture
def shop(db: None) -> Shop:
    return open_shop(**{term: before for term, (before, _) in TERMS.items()})


def change_of(shop: Shop, **after: Any) -> ProgramChange:
    """Write down a change, as the form does."""
    wanted = Program.objects.get(pk=shop.program.pk)
    for term, value in after.items():
        setattr(wanted, term, value)
    asked = program_change_of(Program.objects.get(pk=shop.program.pk), wanted)
    assert asked is not None
    return asked


def terms(shop: Shop) -> dict[str, Any]:
    return terms_of(Program.objects.get(pk=shop.program.pk))


def decided(asked: Asked, staff: Staff) -> Asked:
    return approve(asked.approval.id, staff=staff, at=timezone.now())


@pytest.mark.parametrize("term", TERMS)
def test_a_term_of_each_shape_changes_when_another_manager_approves_and_not_before(
    shop: Shop, term: str
) -> None:
    before, after = TERMS[term]
    asker, payload, stood = hire(shop), change_of(shop, **{term: after}), terms(shop)
    assert (payload.before, payload.after) == ({term: before}, {term: after})
    assert foresee(payload, staff=asker).second_needed

    asked = asked_by(asker, payload)

    assert (asked.is_pending, terms(shop)) == (True, stood)
    with pytest.raises(SelfApproval):
        decided(asked, asker)
    assert Approval.objects.get(pk=asked.approval.id).asked == payload
    assert decided(asked, hire(shop)).is_executed
    assert terms(shop) == stood | {term: after}


def test_a_rule_set_is_changed_with_other_terms_at_once_or_not_at_all(shop: Shop) -> None:
    strict, second = rule_set(), hire(shop)
    whole = change_of(shop, rule_set=strict, redeem_single_max=7_000, adjust_alone_max=50)
    first, other = asked_by(hire(shop), whole), asked_by(hire(shop), change_of(shop, redeem_single_max=6_000))
    assert decided(other, second).is_executed

    done = decided(first, second)

    assert (done.is_executed, done.approval.outcome_reason) == (False, "changed_since")
    stands = terms(shop)
    assert (stands["rule_set_id"], stands["redeem_single_max"], stands["adjust_alone_max"]) == (
        None,
        6_000,
        0,
    )
    assert decided(asked_by(hire(shop), change_of(shop, rule_set=strict)), second).is_executed
    assert terms(shop)["rule_set_id"] == str(strict.id)


def test_a_refused_change_and_a_cashier_s_change_nothing(shop: Shop) -> None:
    shop.card(balance=100)
    stood, moved, payload = terms(shop), figures(), change_of(shop, balance_max=1)
    with pytest.raises(RoleLacking):
        asked_by(hire(shop, "cashier"), payload)
    asked = asked_by(hire(shop), payload)
    refuse(asked.approval.id, staff=hire(shop), reason="too low", at=timezone.now())
    assert (terms(shop), figures()) == (stood, moved)


def test_what_does_not_differ_is_not_asked_for_and_code_and_currency_are_no_terms(shop: Shop) -> None:
    wanted = Program.objects.get(pk=shop.program.pk)
    wanted.code, wanted.currency = "OTHER", "USD"
    assert program_change_of(shop.program, wanted) is None


# When the service is passed by.


def test_the_owner_of_the_table_cannot_say_that_one_person_suffices(
    owner: psycopg.Connection[tuple[object, ...]],
) -> None:
    with pytest.raises(psycopg.Error, match="ledger_approval_above_the_amount_by_two"):
        owner.execute(
            "insert into ledger_approval (id, kind, amount, second_needed, store_id, payload, reason, "
            "transaction_id, asked_by, asked_by_user, asked_at, expires_at) values (gen_random_uuid(), "
            "'program_change', 0, false, gen_random_uuid(), '{}', 'x', gen_random_uuid(), 'm', 1, now(), "
            "now() + interval '1 h')"
        )


def approve_two_at_once() -> list[Any]:
    """Ask for two limits in place of one, and have both approved at once, eight times."""
    results = []
    for _ in range(THREADS):
        shop = open_shop(redeem_single_max=5_000)
        waiting = [asked_by(hire(shop), change_of(shop, redeem_single_max=limit)) for limit in (1, 2)]
        calls: list[Any] = [partial(decided, asked, hire(shop)) for asked in waiting]
        results.append(sorted(done.is_executed for done in together(calls)))  # type: ignore[union-attr]
    return results


@pytest.mark.race
def test_of_two_changes_of_one_term_that_are_approved_at_once_one_is_carried_out(committed_db: None) -> None:
    assert approve_two_at_once() == [[False, True]] * THREADS


@pytest.mark.race
def test_without_the_look_at_what_stood_one_change_writes_over_the_other(
    committed_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executing, "terms_are", lambda before: {})
    assert approve_two_at_once() == [[True, True]] * THREADS
