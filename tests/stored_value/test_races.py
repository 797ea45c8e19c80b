"""Races on real connections with a barrier, each with its negative control: it fails with the guard out."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from functools import partial

import psycopg
import pytest

from prepaid.cards.presentation import Presentation
from prepaid.identifiers import uuid7
from prepaid.money import Money
from prepaid.stored_value import calls
from prepaid.stored_value.answers import Answer
from prepaid.stored_value.redeem import redeem
from tests.shop import HeldCard, Shop, assert_ledger_is_clean, open_shop, together
from tests.stored_value.races import MEET, THREADS, change, outcomes, spend, take_out

pytestmark = pytest.mark.race


def race_one_id(shop: Shop, held: HeldCard) -> list[Answer | Exception]:
    request, tap = shop.request(), held.tap()
    return together([spend(request, tap)] * THREADS)


def race_for_seven(shop: Shop, held: HeldCard) -> list[Answer | Exception]:
    return together([spend(shop.request(), held.typed(b"right")) for _ in range(THREADS)])


def numbered_card(shop: Shop, balance: int) -> HeldCard:
    return shop.card(balance=balance, method="number", pin=b"right")


def test_hundred_threads_with_one_id_post_once_and_replay_the_rest(committed_db: None) -> None:
    shop = open_shop()
    held = shop.card(balance=1000)

    results = race_one_id(shop, held)

    assert outcomes(results) == {"approved": 1, "approved again": THREADS - 1}
    assert held.balance() == 900
    assert len({result.hash for result in results if isinstance(result, Answer)}) == 1
    assert_ledger_is_clean()


def test_without_the_unique_id_one_id_posts_more_than_once(scratch_db: str) -> None:
    shop = open_shop()
    held = numbered_card(shop, 10_000)
    change("alter table ledger_answer drop constraint ledger_answer_pkey")
    change("drop index ledger_answer_sequence_once")
    take_out("stored_value_find_card", "begin", instead=f"begin perform {MEET};")
    request, tap = shop.request(), held.typed(b"right")

    results = together([spend(request, tap)] * THREADS)

    assert outcomes(results) != {"approved": 1, "approved again": THREADS - 1}
    assert held.balance() < 9_900


def test_hundred_threads_on_money_for_seven_succeed_seven_times(committed_db: None) -> None:
    shop = open_shop()
    held = numbered_card(shop, 700)

    results = race_for_seven(shop, held)

    assert outcomes(results) == {"approved": 7, "declined": THREADS - 7}
    assert {result.reason for result in results if isinstance(result, Answer)} == {None, "insufficient_funds"}
    assert held.balance() == 0
    assert_ledger_is_clean()


def race_with_printed_codes(shop: Shop, held: HeldCard) -> list[Answer | Exception]:
    """Without PINs and counters nothing but the account's own row orders the threads."""
    shown = Presentation(method="qr", lookup=bytes(held.credential.lookup))
    return together([spend(shop.request(), shown) for _ in range(THREADS)])


@pytest.mark.usefixtures("committed_db")
def test_printed_codes_at_once_on_money_for_seven_succeed_seven_times() -> None:
    shop = open_shop()
    held = shop.card(balance=700, method="qr")

    results = race_with_printed_codes(shop, held)

    assert outcomes(results) == {"approved": 7, "declined": THREADS - 7}
    assert held.balance() == 0
    assert_ledger_is_clean()


def test_without_the_look_at_the_chain_seven_is_missed(scratch_db: str) -> None:
    shop = open_shop()
    held = shop.card(balance=700, method="qr")
    take_out("ledger_post", " and position = p_before.position", instead=f" and {MEET}")
    take_out("ledger_spend", " and position = p_account.position", instead=f" and {MEET}")
    change("alter table ledger_transaction drop constraint ledger_transaction_pkey")
    change("alter table ledger_transfer drop constraint ledger_transfer_pkey")

    results = race_with_printed_codes(shop, held)

    assert outcomes(results)["approved"] > 7


def test_one_tap_in_two_transactions_is_accepted_once(committed_db: None) -> None:
    shop = open_shop()
    held = shop.card(balance=10_000)
    tap = held.tap()
    requests = [shop.request() for _ in range(20)]

    results = together([spend(one, tap) for one in requests])

    assert outcomes(results) == {"approved": 1, "declined": 19}
    assert {result.reason for result in results if isinstance(result, Answer)} == {
        None,
        "credential_replayed",
    }
    assert held.balance() == 9_900
    assert_ledger_is_clean()


def test_without_the_rising_counter_one_tap_pays_twice(scratch_db: str) -> None:
    shop = open_shop()
    held = shop.card(balance=10_000)
    tap = held.tap()
    take_out(
        "stored_value_admit_card", " and credential.counter < p_presented.counter", instead=f" and {MEET}"
    )
    requests = [shop.request() for _ in range(20)]

    results = together([spend(one, tap) for one in requests])

    assert outcomes(results)["approved"] > 1


def test_original_and_its_reversal_at_once_leave_nothing_moved(committed_db: None) -> None:
    shop = open_shop()
    for _ in range(20):
        held = shop.card(balance=500)
        original, undo = shop.request(), uuid7()
        tap = held.tap()

        together([spend(original, tap), partial(shop.reverse, original.id, id=undo)])
        late = redeem(original, tap, Money(100, "CNY"))

        assert held.balance() == 500
        assert (late.outcome, late.reason) in {("approved", None), ("declined", "already_reversed")}
    assert_ledger_is_clean()


def test_fifty_undoes_of_one_redeem_give_back_once(committed_db: None) -> None:
    shop = open_shop()
    held = shop.card(balance=500)
    original = shop.redeem(held, 300)

    results = together([lambda: shop.void(original.id)] * 25 + [lambda: shop.reverse(original.id)] * 25)

    assert held.balance() == 500
    moved = [result for result in results if isinstance(result, Answer) and result.money_moved]
    assert len(moved) == 1
    assert all(isinstance(result, Answer) for result in results)
    assert_ledger_is_clean()


def test_without_the_undone_once_rule_in_code_the_key_still_refuses(scratch_db: str) -> None:
    take_out("stored_value_refuse_undo", "undo.type in ('void', 'reversal')", instead="false")
    shop = open_shop()
    held = shop.card(balance=500)
    # So long ago that no counter gives it back, which would refuse the second undo before the key does.
    original = shop.redeem(held, 300, recorded_at=shop.at - timedelta(days=40))
    shop.void(original.id)
    request = shop.request()
    sql = f"select reply.id from stored_value_undo({calls.REQUEST}, 'void', %s::uuid, true, 0) as reply"

    with pytest.raises(psycopg.errors.UniqueViolation, match="ledger_transaction_undone_once"):
        calls.fetch(sql, [*calls.request_values(request), original.id])
    assert held.balance() == 500


def test_wrong_pins_at_once_are_all_counted(committed_db: None) -> None:
    shop = open_shop()
    held = numbered_card(shop, 1000)
    requests = [shop.request() for _ in range(20)]

    results = together([spend(one, held.typed(b"wrong")) for one in requests])

    reasons = Counter(result.reason for result in results if isinstance(result, Answer))
    assert reasons == {"pin_wrong": 5, "pin_locked": 15}
    assert redeem(shop.request(), held.typed(b"right"), Money(100, "CNY")).reason == "pin_locked"
    assert held.balance() == 1000


def test_without_the_lock_on_the_pin_more_than_five_tries_are_had(scratch_db: str) -> None:
    take_out("stored_value_refuse_pin", " for update", instead="; perform pg_sleep(0.02)")
    shop = open_shop()
    held = numbered_card(shop, 1000)
    requests = [shop.request() for _ in range(THREADS)]

    results = together([spend(one, held.typed(b"wrong")) for one in requests])

    reasons = Counter(result.reason for result in results if isinstance(result, Answer))
    assert reasons["pin_wrong"] > 5
