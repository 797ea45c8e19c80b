"""Value without an original: for one approval, once, as a paid lot of its own."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from prepaid.cards.presentation import at_the_desk
from prepaid.identifiers import uuid7
from prepaid.ledger.errors import IdReused, TryAgain
from prepaid.money import Money
from prepaid.stored_value.answers import Answer
from prepaid.stored_value.refund import refund_unlinked
from tests.shop import HeldCard, Shop, assert_ledger_is_clean, figures, open_shop, together
from tests.stored_value.test_races import outcomes, take_out

pytestmark = pytest.mark.usefixtures("committed_db")


@pytest.fixture
def shop() -> Shop:
    return open_shop(balance_max=10_000)


@pytest.fixture
def held(shop: Shop) -> HeldCard:
    return shop.card(balance=1_000)


def give(shop: Shop, held: HeldCard, amount: int, approval: UUID, **changed: Any) -> Answer:
    request = shop.request(**{"note": "goods came back without a receipt"} | changed)
    return refund_unlinked(request, at_the_desk(held.card.id), Money(amount, "CNY"), approval=approval)


def test_refund_without_an_original_is_a_paid_lot_that_names_its_approval(shop: Shop, held: HeldCard) -> None:
    shop.offer(1, 500)
    approval = uuid7()

    answer = give(shop, held, 300, approval)

    assert (answer.outcome, answer.type, answer.balance_minor) == ("approved", "refund", 1_300)
    with connection.cursor() as cursor:
        cursor.execute(
            "select bonus, amount, tender, reference from ledger_lot where account_id = %s and lot_no = 2",
            [held.account_id],
        )
        assert cursor.fetchone() == (False, 300, "merchant", str(approval))
        cursor.execute("select note from ledger_answer where id = %s", [answer.id])
        assert cursor.fetchone() == ("goods came back without a receipt",)
    assert_ledger_is_clean()


def test_repeat_gives_the_first_answer_and_an_approval_is_used_once(shop: Shop, held: HeldCard) -> None:
    approval, request = uuid7(), shop.request(note="why")
    call = partial(refund_unlinked, request, at_the_desk(held.card.id), Money(300, "CNY"), approval=approval)
    first, again = call(), call()
    before = figures()

    second = give(shop, held, 300, approval)

    assert (first.replayed, again.replayed, again.hash) == (False, True, first.hash)
    assert (second.reason, figures()) == ("already_reversed", before)
    with pytest.raises(IdReused):
        give(shop, held, 300, uuid7(), id=request.id)
    assert_ledger_is_clean()


def test_void_takes_it_back_and_does_not_free_the_approval(shop: Shop, held: HeldCard) -> None:
    approval = uuid7()
    answer = give(shop, held, 300, approval)

    assert shop.void(answer.id).balance_minor == 1_000
    assert give(shop, held, 300, approval).reason == "already_reversed"
    assert_ledger_is_clean()


def test_what_may_not_be_given_moves_nothing(shop: Shop, held: HeldCard) -> None:
    before = figures()
    assert give(shop, held, 9_001, uuid7()).reason == "limit_balance"
    foreign = refund_unlinked(
        shop.request(note="why"), at_the_desk(held.card.id), Money(1, "USD"), approval=uuid7()
    )
    assert foreign.reason == "currency_mismatch"
    with pytest.raises(ValueError, match="needs a reason"):
        give(shop, held, 1, uuid7(), note=" ")
    type(held.card).objects.filter(pk=held.card.pk).update(state="blocked")
    assert give(shop, held, 1, uuid7()).reason == "card_blocked"
    assert figures() == before


@pytest.mark.race
def test_one_approval_in_twenty_threads_gives_once(shop: Shop, held: HeldCard) -> None:
    approval = uuid7()

    results = together([partial(give, shop, held, 100, approval)] * 20)

    assert outcomes(results) == {"approved": 1, "declined": 19}
    assert held.balance() == 1_100
    assert_ledger_is_clean()


def test_without_the_look_at_the_approval_the_key_still_refuses(scratch_db: str) -> None:
    take_out("stored_value_refund_unlinked", "lot.reference = p_approval::text", instead="false")
    shop = open_shop()
    held = shop.card(balance=1_000)
    approval = uuid7()
    give(shop, held, 100, approval)

    # Its violation of `ledger_lot_approval_once` is answered as any other: nothing moved.
    with pytest.raises(TryAgain):
        give(shop, held, 100, approval)
    assert held.balance() == 1_100
