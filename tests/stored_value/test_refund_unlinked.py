"""Value without an original: for one approval by two persons, once, as a paid lot of its own."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.utils import timezone

from prepaid.cards.presentation import at_the_desk
from prepaid.identifiers import uuid7
from prepaid.ledger.errors import IdReused, TryAgain
from prepaid.money import Money
from prepaid.stored_value.answers import Answer
from prepaid.stored_value.approvals.executing import request_of
from prepaid.stored_value.approvals.models import Approval
from prepaid.stored_value.approvals.payloads import RefundUnlinked
from prepaid.stored_value.approvals.service import Asked, approve
from prepaid.stored_value.move import move
from prepaid.stored_value.refund import refund_unlinked
from prepaid.stored_value.replace import reactivate
from prepaid.stores.models import Staff
from tests.shop import HeldCard, Shop, assert_ledger_is_clean, figures, open_shop, together
from tests.stored_value.people import asked_by, hire
from tests.stored_value.races import take_out
from tests.stored_value.test_own_issue import MORNING, issued

pytestmark = pytest.mark.usefixtures("committed_db")
THREADS = 12


@pytest.fixture
def shop() -> Shop:
    return open_shop(balance_max=10_000)


@pytest.fixture
def held(shop: Shop) -> HeldCard:
    return shop.card(balance=1_000)


def refund_of(held: HeldCard, amount: int, currency: str = "CNY") -> RefundUnlinked:
    return RefundUnlinked(card_id=held.card.id, amount_minor=amount, currency=currency)


def wait(shop: Shop, held: HeldCard, amount: int, *, staff: Staff | None = None, **changed: Any) -> Approval:
    """Ask for a refund, which always needs a second person here."""
    asked = asked_by(staff or hire(shop), refund_of(held, amount, **changed), reason="no receipt")
    assert asked.is_pending
    return asked.approval


def give(shop: Shop, held: HeldCard, amount: int, **changed: Any) -> Asked:
    """Have a refund asked for by one person and approved by another."""
    return approve(wait(shop, held, amount, **changed).id, staff=hire(shop), at=timezone.now())


def again(approval: Approval, held: HeldCard, amount: int) -> Answer:
    """Post what an approval carried out once more, as its repeat would."""
    request = request_of(approval, approval.asked, at=timezone.now())
    return refund_unlinked(request, at_the_desk(held.card.id), Money(amount, "CNY"), approval=approval.id)


def test_refund_without_an_original_is_a_paid_lot_that_names_its_approval(shop: Shop, held: HeldCard) -> None:
    shop.offer(1, 500)

    done = give(shop, held, 300)

    answer = done.answer
    assert answer is not None
    assert (answer.outcome, answer.type, answer.balance_minor) == ("approved", "refund", 1_300)
    with connection.cursor() as cursor:
        cursor.execute(
            "select bonus, amount, tender, reference from ledger_lot where account_id = %s and lot_no = 2",
            [held.account_id],
        )
        assert cursor.fetchone() == (False, 300, "merchant", str(done.approval.id))
        cursor.execute("select note, operator from ledger_answer where id = %s", [answer.id])
        assert cursor.fetchone() == ("no receipt", done.approval.asked_by)
    assert_ledger_is_clean()


def test_repeat_gives_the_first_answer_and_other_content_is_refused(shop: Shop, held: HeldCard) -> None:
    done = give(shop, held, 300)
    before = figures()

    repeat = again(done.approval, held, 300)

    assert done.answer is not None
    assert (repeat.replayed, repeat.hash) == (True, done.answer.hash)
    with pytest.raises(IdReused):
        refund_unlinked(
            shop.request(id=repeat.id, note="why"),
            at_the_desk(held.card.id),
            Money(301, "CNY"),
            approval=done.approval.id,
        )
    assert figures() == before


def test_an_approval_of_another_refund_or_none_is_refused_by_the_database(shop: Shop, held: HeldCard) -> None:
    done, waiting, before = give(shop, held, 300), wait(shop, held, 300), figures()
    for transaction_id, approval_id in (
        (uuid7(), done.approval.id),
        (uuid7(), uuid7()),
        (waiting.transaction_id, waiting.id),
        (waiting.transaction_id, done.approval.id),
    ):
        with pytest.raises(psycopg.Error, match="no approval of this very refund"):
            refund_unlinked(
                shop.request(id=transaction_id, note="why"),
                at_the_desk(held.card.id),
                Money(300, "CNY"),
                approval=approval_id,
            )
    assert figures() == before


def test_void_takes_it_back_and_does_not_free_the_approval(shop: Shop, held: HeldCard) -> None:
    done = give(shop, held, 300)
    assert done.answer is not None

    voided = shop.void(done.answer.id, origin=shop.counter, sequence=None, recorded_at=timezone.now())

    assert voided.balance_minor == 1_000
    assert again(done.approval, held, 300).replayed
    assert held.balance() == 1_000
    assert_ledger_is_clean()


def test_what_may_not_be_given_moves_nothing(shop: Shop, held: HeldCard) -> None:
    before = figures()
    assert give(shop, held, 9_001).approval.outcome_reason == "limit_balance"
    assert give(shop, held, 1, currency="USD").approval.outcome_reason == "currency_mismatch"
    with pytest.raises(ValueError, match="needs a reason"):
        refund_unlinked(shop.request(note=" "), at_the_desk(held.card.id), Money(1, "CNY"), approval=uuid7())
    type(held.card).objects.filter(pk=held.card.pk).update(state="blocked")
    assert give(shop, held, 1).approval.outcome_reason == "card_blocked"
    assert figures() == before


def test_who_issued_the_card_today_is_given_no_refund_even_by_two(shop: Shop) -> None:
    cashier = hire(shop, "cashier")
    card = issued(shop, cashier)
    asked = asked_by(cashier, RefundUnlinked(card_id=card.id, amount_minor=100, currency="CNY"), at=MORNING)

    done = approve(asked.approval.id, staff=hire(shop), at=MORNING)

    assert done.answer is not None
    assert (done.answer.reason, done.answer.cause) == ("type_not_allowed", "issued_by_operator")
    assert done.answer.balance_minor is None


@pytest.mark.race
def test_one_approval_in_many_hands_gives_once(shop: Shop, held: HeldCard) -> None:
    approval, managers = wait(shop, held, 100), [hire(shop) for _ in range(THREADS)]

    results = together([partial(approve, approval.id, staff=one, at=timezone.now()) for one in managers])  # type: ignore[misc]

    assert sum(isinstance(result, Asked) for result in results) == 1
    assert held.balance() == 1_100
    assert_ledger_is_clean()


def test_without_the_look_at_the_approval_the_key_still_refuses(scratch_db: str) -> None:
    take_out("stored_value_refund_unlinked", "lot.approval = p_approval", instead="false")
    take_out("stored_value_is_approved", " and outcome is null")
    take_out("stored_value_replay", "if not found then", instead="if true then")
    shop = open_shop()
    held = shop.card(balance=1_000)
    done = give(shop, held, 100)

    # Its violation of `ledger_lot_approval_once` is answered as any other: nothing moved.
    with pytest.raises(TryAgain):
        again(done.approval, held, 100)
    assert held.balance() == 1_100


def test_what_was_given_moves_there_and_back_and_is_reactivated() -> None:
    shop = open_shop(value_valid_months=1, reactivates_expired=True)
    held, other = shop.card(), shop.card()
    assert give(shop, held, 300).is_executed
    ways = [(held, other, 100), (held, other, 150), (other, held, 200)]

    for source, target, amount in ways:
        assert move(shop.request(), source.card.id, target.card.id, Money(amount, "CNY")).approved
    later = shop.request(recorded_at=timezone.now() + timedelta(days=40))

    assert reactivate(later, held.card.id).available_minor == 250
    assert other.balance() == 50
    assert_ledger_is_clean()
