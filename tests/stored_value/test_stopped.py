"""A stop of a card and a posting with it at the same moment: one comes first, and the other knows."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection, transaction

from prepaid.cards import lifecycle
from prepaid.cards.lifecycle import change_state
from prepaid.money import Money
from prepaid.stored_value.answers import Answer
from prepaid.stored_value.hold import hold
from tests.shop import HeldCard, Shop, assert_ledger_is_clean, figures, open_shop, together
from tests.stored_value.races import take_out, wait_until_blocked_or_over

Post = Callable[[Shop, HeldCard], Answer]


def redeem_some(shop: Shop, held: HeldCard) -> Answer:
    return shop.redeem(held, 100)


def hold_some(shop: Shop, held: HeldCard) -> Answer:
    return hold(shop.request(), held.tap(), Money(100, "CNY"), expires_at=shop.at + timedelta(hours=1))


def load_some(shop: Shop, held: HeldCard) -> Answer:
    return shop.load(held, 100)


POSTINGS: list[Post] = [redeem_some, hold_some, load_some]


def stop(shop: Shop, held: HeldCard) -> None:
    change_state(held.card.id, "block", actor="op-1", at=shop.at, reason="taken")


def post_between_the_stop_and_its_commit(shop: Shop, held: HeldCard, post: Post) -> Answer | Exception:
    """Let a posting find the card active and wait for the account, while the card is stopped."""
    results: list[Answer | Exception] = []
    posting = threading.Thread(target=lambda: results.extend(together([lambda: post(shop, held)])))
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("select ledger_lock_account(%s)", [held.account_id])
        posting.start()
        wait_until_blocked_or_over(posting)
        stop(shop, held)
    posting.join()
    return results[0]


@pytest.mark.race
@pytest.mark.usefixtures("committed_db")
@pytest.mark.parametrize("post", POSTINGS)
def test_what_was_admitted_before_a_stop_is_not_posted_after_it(post: Post) -> None:
    shop = open_shop()
    held = shop.card(balance=1_000)
    before = figures()

    answer = post_between_the_stop_and_its_commit(shop, held, post)

    assert isinstance(answer, Answer), answer
    assert (answer.reason, answer.replayed) == ("card_blocked", False)
    assert figures() == before
    assert_ledger_is_clean()


@pytest.mark.race
@pytest.mark.parametrize("post", POSTINGS)
def test_without_the_second_look_it_is(scratch_db: str, post: Post) -> None:
    function = "stored_value_redeem" if post is redeem_some else "stored_value_look_again"
    take_out(function, ") <> 'active'", instead=") = 'none'")
    shop = open_shop()

    answer = post_between_the_stop_and_its_commit(shop, shop.card(balance=1_000), post)

    assert isinstance(answer, Answer), answer
    assert answer.approved


def stop_while_a_posting_is_under_way(shop: Shop, held: HeldCard) -> bool:
    """Stop a card while a redeem of it is posted and not committed; say whether the stop was done first."""
    stopping = threading.Thread(target=lambda: together([lambda: stop(shop, held)]))  # type: ignore[list-item, return-value]
    with transaction.atomic():
        assert redeem_some(shop, held).approved
        stopping.start()
        wait_until_blocked_or_over(stopping)
        first = not stopping.is_alive()
    stopping.join()
    return first


@pytest.mark.race
@pytest.mark.usefixtures("committed_db")
def test_a_stop_waits_for_what_is_being_posted_and_stops_the_next_one() -> None:
    shop = open_shop()
    held = shop.card(balance=1_000)

    assert not stop_while_a_posting_is_under_way(shop, held)

    assert (held.balance(), redeem_some(shop, held).reason) == (900, "card_blocked")
    assert_ledger_is_clean()


@pytest.mark.race
@pytest.mark.usefixtures("committed_db")
def test_without_the_account_s_lock_a_stop_is_done_before_what_it_should_have_stopped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lifecycle, "_LOCK_ACCOUNT", "select %s::uuid")
    shop = open_shop()
    held = shop.card(balance=1_000)

    assert stop_while_a_posting_is_under_way(shop, held)
    assert held.balance() == 900
