"""Two-person control: under the program's amount one person suffices, above it another one decides, once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.utils import timezone

from prepaid.cards.lifecycle import change_state
from prepaid.cards.models import Card, CardEvent, Rule, RuleSet
from prepaid.identifiers import uuid7
from prepaid.ledger.errors import IdReused
from prepaid.stored_value.approvals.errors import (
    AlreadyAsked,
    AlreadyDecided,
    ApprovalExpired,
    ApprovalNotFound,
    ReasonMissing,
    RoleLacking,
    SelfApproval,
)
from prepaid.stored_value.approvals.kinds import KINDS, NO_LIMIT_MINOR
from prepaid.stored_value.approvals.listing import count_pending, list_decided, list_pending
from prepaid.stored_value.approvals.models import Approval
from prepaid.stored_value.approvals.payloads import (
    CardReturn,
    LimitChange,
    Payload,
    RefundUnlinked,
    RuleChange,
    Unblock,
)
from prepaid.stored_value.approvals.service import (
    OPEN_FOR,
    approve,
    expire_approvals,
    foresee,
    refuse,
)
from prepaid.stored_value.return_card import return_card
from prepaid.stores.models import Staff
from tests.shop import HeldCard, Shop, assert_ledger_is_clean, figures, open_shop
from tests.stored_value.people import adjust_of, asked_by, hire

pytestmark = pytest.mark.usefixtures("db")
BOUND = 10_000


@pytest.fixture
def shop() -> Shop:
    """A shop whose managers do up to 100.00 alone."""
    return open_shop(
        adjust_alone_max=BOUND,
        refund_unlinked_alone_max=BOUND,
        unblock_alone_max=BOUND,
        limit_change_alone_max=BOUND,
        card_return_alone_max=BOUND,
        redeem_single_max=5_000,
    )


@pytest.fixture
def asker(shop: Shop) -> Staff:
    return hire(shop)


@pytest.fixture
def second(shop: Shop) -> Staff:
    return hire(shop)


def unblock_of(shop: Shop, held: HeldCard) -> Unblock:
    change_state(held.card.id, "block", actor="op-1", at=shop.at, reason="seen twice")
    return Unblock(card_id=held.card.id, balance_minor=held.balance(), currency="CNY")


def limit_of(shop: Shop, after: int | None) -> LimitChange:
    return LimitChange(
        program_id=shop.program.id,
        term="redeem_single_max",
        before_minor=5_000,
        after_minor=after,
        currency="CNY",
    )


def return_of(held: HeldCard) -> CardReturn:
    return CardReturn(
        card_id=held.card.id,
        choice_id=None,
        paid_minor=held.balance(),
        paid_from_bonus_minor=0,
        forfeited_bonus_minor=0,
        retained_minor=0,
        tender="cash",
        currency="CNY",
    )


def state_of(held: HeldCard) -> str:
    return Card.objects.get(pk=held.card.pk).state


def single_max(shop: Shop) -> int | None:
    shop.program.refresh_from_db()
    return shop.program.redeem_single_max


Case = tuple[Callable[[Shop, int], tuple[Payload, Callable[[], Any]]], Any, Callable[[int], Any]]


def case_adjust(shop: Shop, amount: int) -> tuple[Payload, Callable[[], Any]]:
    held = shop.card(balance=700)
    return adjust_of(held, amount), held.balance


def case_adjust_down(shop: Shop, amount: int) -> tuple[Payload, Callable[[], Any]]:
    held = shop.card(balance=BOUND * 2)
    return adjust_of(held, amount, direction="down"), held.balance


def case_refund(shop: Shop, amount: int) -> tuple[Payload, Callable[[], Any]]:
    held = shop.card(balance=700)
    return RefundUnlinked(card_id=held.card.id, amount_minor=amount, currency="CNY"), held.balance


def case_unblock(shop: Shop, amount: int) -> tuple[Payload, Callable[[], Any]]:
    held = shop.card(balance=amount)
    return unblock_of(shop, held), lambda: state_of(held)


def case_limit(shop: Shop, amount: int) -> tuple[Payload, Callable[[], Any]]:
    return limit_of(shop, amount), lambda: single_max(shop)


def case_return(shop: Shop, amount: int) -> tuple[Payload, Callable[[], Any]]:
    held = shop.card(balance=amount)
    return return_of(held), lambda: (held.balance(), state_of(held))


# How it is asked, what stands before, and what stands once it is carried out, by amount.
CASES: dict[str, Case] = {
    "adjust": (case_adjust, 700, lambda amount: 700 + amount),
    "adjust down": (case_adjust_down, BOUND * 2, lambda amount: BOUND * 2 - amount),
    "refund_unlinked": (case_refund, 700, lambda amount: 700 + amount),
    "unblock": (case_unblock, "blocked", lambda amount: "active"),
    "limit_change": (case_limit, 5_000, lambda amount: amount),
    "card_return": (case_return, None, lambda amount: (0, "closed")),
}


def test_every_kind_that_has_an_amount_is_tried_here() -> None:
    elsewhere = {"rule_change", "program_change", "bulk_issue", "bulk_import"}
    assert {name.split()[0] for name in CASES} | elsewhere == {kind.code for kind in KINDS}


@pytest.mark.parametrize("name", CASES)
def test_at_the_amount_a_manager_does_it_alone_and_it_is_kept(shop: Shop, asker: Staff, name: str) -> None:
    make, _, after = CASES[name]
    payload, look = make(shop, BOUND)
    assert not foresee(payload, staff=asker).second_needed

    done = asked_by(asker, payload)

    assert look() == after(BOUND)
    kept = Approval.objects.get(pk=done.approval.id)
    assert (kept.verdict, kept.outcome, kept.decided_by, kept.reason) == (
        "alone",
        "executed",
        asker.code,
        "told at the desk",
    )
    assert kept.state_at(timezone.now()) == "executed"
    assert count_pending(timezone.now()) == 0
    assert_ledger_is_clean()


@pytest.mark.parametrize("name", CASES)
def test_above_the_amount_nothing_happens_before_another_manager_approves(
    shop: Shop, asker: Staff, second: Staff, name: str
) -> None:
    make, before, after = CASES[name]
    payload, look = make(shop, BOUND + 1)
    assert foresee(payload, staff=asker).second_needed
    stood, moved = look(), figures()
    assert before in (None, stood)

    asked = asked_by(asker, payload)

    assert asked.is_pending
    assert (look(), figures()) == (stood, moved)
    waiting = list_pending(timezone.now()).get(pk=asked.approval.id)
    assert waiting.asked == payload

    done = approve(asked.approval.id, staff=second, at=timezone.now())

    assert done.is_executed
    assert look() == after(BOUND + 1)
    kept = list_decided().get(pk=asked.approval.id)
    assert (kept.verdict, kept.asked_by, kept.decided_by) == ("approved", asker.code, second.code)
    assert_ledger_is_clean()


@pytest.mark.parametrize("name", CASES)
def test_a_refusal_moves_nothing_and_is_kept_with_its_reason(
    shop: Shop, asker: Staff, second: Staff, name: str
) -> None:
    make, _, _ = CASES[name]
    payload, look = make(shop, BOUND + 1)
    asked = asked_by(asker, payload)
    stood, moved = look(), figures()

    with pytest.raises(ReasonMissing):
        refuse(asked.approval.id, staff=second, reason="  ", at=timezone.now())
    refused = refuse(asked.approval.id, staff=second, reason="no slip", at=timezone.now())

    assert (refused.state_at(timezone.now()), refused.decision_reason) == ("refused", "no slip")
    with pytest.raises(AlreadyDecided):
        approve(asked.approval.id, staff=second, at=timezone.now())
    assert (look(), figures()) == (stood, moved)


def test_a_rule_is_always_changed_by_two(shop: Shop, asker: Staff, second: Staff) -> None:
    rule_set = RuleSet.objects.create(code="two", name="Two", name_zh="二", card_class="any", currency="CNY")
    change = RuleChange(
        rule_set_id=rule_set.id,
        field="max_single_load",
        value=300_000,
        effective_from=date(2027, 1, 1),
        article="art. 9",
        article_zh="第九条",
        source="v",
        text="No more than 3,000.00 at once.",
        text_zh="单次充值不超过3,000.00。",
    )
    asked = asked_by(asker, change)
    assert asked.is_pending
    assert not Rule.objects.filter(rule_set=rule_set).exists()

    approve(asked.approval.id, staff=second, at=timezone.now())

    rule = Rule.objects.get(rule_set=rule_set)
    assert (rule.value, rule.recorded_by) == (300_000, asker.code)


def test_to_take_a_limit_away_is_above_every_amount(shop: Shop, asker: Staff) -> None:
    asked = asked_by(asker, limit_of(shop, None))
    assert asked.is_pending
    assert asked.approval.amount == NO_LIMIT_MINOR


def test_a_limit_that_was_changed_since_is_left_alone(shop: Shop, asker: Staff, second: Staff) -> None:
    first, other = asked_by(asker, limit_of(shop, 20_000)), asked_by(asker, limit_of(shop, 30_000))
    assert approve(first.approval.id, staff=second, at=timezone.now()).is_executed

    done = approve(other.approval.id, staff=second, at=timezone.now())

    assert not done.is_executed
    assert (done.approval.state_at(timezone.now()), done.approval.outcome_reason) == (
        "approved",
        "changed_since",
    )
    assert single_max(shop) == 20_000


def test_a_null_amount_sets_no_bound_and_zero_asks_each_time(asker: Staff) -> None:
    free, strict = open_shop(adjust_alone_max=None), open_shop(adjust_alone_max=0)
    assert asked_by(hire(free), adjust_of(free.card(), 10**9)).is_executed
    assert asked_by(hire(strict), adjust_of(strict.card(), 1)).is_pending


def test_the_amount_of_the_moment_of_asking_is_kept(shop: Shop, asker: Staff) -> None:
    asked = asked_by(asker, adjust_of(shop.card(), BOUND + 1))
    type(shop.program).objects.filter(pk=shop.program.pk).update(adjust_alone_max=None)
    assert Approval.objects.get(pk=asked.approval.id).alone_max == BOUND


def test_what_a_cashier_asks_always_needs_a_manager(shop: Shop, second: Staff) -> None:
    held, cashier = shop.card(balance=100), hire(shop, "cashier")
    asked = asked_by(cashier, adjust_of(held, 1))
    assert asked.is_pending
    with pytest.raises(RoleLacking):
        approve(asked.approval.id, staff=hire(shop, "cashier"), at=timezone.now())
    assert held.balance() == 100

    assert approve(asked.approval.id, staff=second, at=timezone.now()).is_executed
    assert held.balance() == 101


def test_limits_rules_and_returns_are_asked_for_by_managers(shop: Shop) -> None:
    cashier, held = hire(shop, "cashier"), shop.card(balance=100)
    for payload in (limit_of(shop, 1), return_of(held)):
        with pytest.raises(RoleLacking):
            asked_by(cashier, payload)
    assert not Approval.objects.filter(asked_by_user=cashier.user_id).exists()


def test_nobody_approves_what_they_asked(shop: Shop, asker: Staff) -> None:
    held = shop.card(balance=100)
    asked = asked_by(asker, adjust_of(held, BOUND + 1))
    with pytest.raises(SelfApproval):
        approve(asked.approval.id, staff=asker, at=timezone.now())
    assert Approval.objects.get(pk=asked.approval.id).verdict is None
    assert held.balance() == 100


def test_who_asked_may_take_it_back_and_another_cashier_may_not(shop: Shop) -> None:
    cashier = hire(shop, "cashier")
    asked = asked_by(cashier, adjust_of(shop.card(), 5))
    with pytest.raises(RoleLacking):
        refuse(asked.approval.id, staff=hire(shop, "cashier"), reason="mine now", at=timezone.now())
    taken_back = refuse(asked.approval.id, staff=cashier, reason="typed wrongly", at=timezone.now())
    assert taken_back.decided_by == cashier.code


def test_nothing_is_asked_without_a_reason_and_nothing_unknown_is_decided(shop: Shop, asker: Staff) -> None:
    with pytest.raises(ReasonMissing):
        asked_by(asker, adjust_of(shop.card(), 5), reason=" ")
    with pytest.raises(ApprovalNotFound):
        approve(uuid7(), staff=asker, at=timezone.now())
    assert not Approval.objects.filter(asked_by_user=asker.user_id).exists()


def test_a_repeat_of_asking_is_the_same_request_and_carried_out_once(shop: Shop, asker: Staff) -> None:
    held, ids = shop.card(balance=100), {"approval_id": uuid7(), "transaction_id": uuid7()}
    first = asked_by(asker, adjust_of(held, 50), **ids)
    again = asked_by(asker, adjust_of(held, 50), **ids)

    assert (first.approval.id, first.is_executed) == (again.approval.id, again.is_executed)
    assert held.balance() == 150
    with pytest.raises(IdReused):
        asked_by(asker, adjust_of(held, 51), **ids)
    assert_ledger_is_clean()


def test_the_same_transaction_is_asked_for_once_until_it_is_refused(shop: Shop, asker: Staff) -> None:
    held, transaction_id = shop.card(), uuid7()
    first = asked_by(asker, adjust_of(held, BOUND + 1), transaction_id=transaction_id)
    with pytest.raises(AlreadyAsked):
        asked_by(asker, adjust_of(held, BOUND + 1), transaction_id=transaction_id)
    refuse(first.approval.id, staff=asker, reason="again", at=timezone.now())
    assert asked_by(asker, adjust_of(held, BOUND + 1), transaction_id=transaction_id).is_pending


def test_after_its_time_nobody_approves_and_a_job_closes_it(shop: Shop, asker: Staff, second: Staff) -> None:
    held, at = shop.card(balance=100), timezone.now()
    asked = asked_by(asker, adjust_of(held, BOUND + 1), at=at)
    last = at + OPEN_FOR - timedelta(microseconds=1)
    assert expire_approvals(last) == 0
    assert count_pending(last) == 1
    with pytest.raises(ApprovalExpired):
        approve(asked.approval.id, staff=second, at=at + OPEN_FOR)
    assert (count_pending(at + OPEN_FOR), expire_approvals(at + OPEN_FOR)) == (0, 1)
    assert expire_approvals(at + OPEN_FOR) == 0
    with pytest.raises(ApprovalExpired):
        approve(asked.approval.id, staff=second, at=last)
    kept = Approval.objects.get(pk=asked.approval.id)
    assert (kept.verdict, kept.decided_at, held.balance()) == ("expired", at + OPEN_FOR, 100)


def test_what_the_card_does_not_cover_is_approved_and_declined_with_nothing_moved(
    shop: Shop, asker: Staff, second: Staff
) -> None:
    held = shop.card(balance=BOUND)
    asked = asked_by(asker, adjust_of(held, BOUND + 1, direction="down"))
    moved = figures()
    done = approve(asked.approval.id, staff=second, at=timezone.now())

    assert (done.is_executed, done.approval.outcome_reason) == (False, "insufficient_funds")
    assert done.answer is not None
    assert done.answer.reason == "insufficient_funds"
    assert figures() == moved
    assert_ledger_is_clean()


def test_a_card_return_above_the_amount_is_declined_without_its_approval(shop: Shop) -> None:
    held, asked = shop.card(balance=BOUND + 1), {"tender": "cash", "note": "moved away"}
    moved = figures()
    request = shop.request(origin=shop.counter, sequence=None)
    answer = return_card(request, held.card.id, paid_minor=BOUND + 1, **asked)  # type: ignore[arg-type]
    assert (answer.reason, answer.cause) == ("type_not_allowed", "second_person_needed")
    assert "second person" in answer.why.en
    assert "第二人" in answer.why.zh
    assert figures() == moved
    assert state_of(held) == "active"


def test_an_unblock_is_told_in_the_history_of_the_card(shop: Shop, asker: Staff, second: Staff) -> None:
    held = shop.card(balance=BOUND + 1)
    asked = asked_by(asker, unblock_of(shop, held))
    change_state(held.card.id, "report_lost", actor="op-1", at=timezone.now(), reason="gone")
    done = approve(asked.approval.id, staff=second, at=timezone.now())
    assert (done.is_executed, done.approval.outcome_reason) == (False, "change_refused")
    assert state_of(held) == "lost"
    assert not CardEvent.objects.filter(card=held.card, change="unblock").exists()
