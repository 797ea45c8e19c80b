"""An account that owes: whatever comes free settles it in the same commit, and nothing leaves it before."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction

from prepaid.ledger.audit import audit
from prepaid.money import Money
from prepaid.stored_value.answers import Answer
from prepaid.stored_value.bonus import list_due_parts, pay_part
from prepaid.stored_value.cash_out import cash_out
from prepaid.stored_value.hold import capture, hold, release
from prepaid.stored_value.holds import DueHold, expire_hold
from prepaid.stored_value.replace import reactivate
from prepaid.stored_value.return_card import return_card
from prepaid.stored_value.undo import void
from tests.offline import LIMITS, advise, allow, lent
from tests.shop import HeldCard, Shop, assert_ledger_is_clean, figures, open_shop, together
from tests.stored_value.lots import add_lot
from tests.stored_value.people import adjust_of, asked_by, hire
from tests.stored_value.races import change, function_text, take_out, wait_until_blocked_or_over
from tests.stored_value.test_move import at_the_till, merged, moved, states
from tests.stored_value.test_refund_unlinked import give

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
YESTERDAY = date(2026, 11, 22)


def held_back(shop: Shop, held: HeldCard, amount: int = 1_000) -> Answer:
    return hold(shop.request(), held.tap(), Money(amount, "CNY"), expires_at=shop.at + HOUR)


def settle_by_release(shop: Shop, held: HeldCard, held_id: Any) -> Answer | None:
    return release(shop.request(), held_id)


def settle_by_capture(shop: Shop, held: HeldCard, held_id: Any) -> Answer | None:
    return capture(shop.request(), held_id, Money(400, "CNY"))


def settle_by_clock(shop: Shop, held: HeldCard, held_id: Any) -> None:
    due = DueHold(account_id=held.account_id, id=held_id, origin=shop.origin)
    assert expire_hold(due, at=shop.at + HOUR)


def settle_by_adjustment(shop: Shop, held: HeldCard, held_id: Any) -> Answer | None:
    return asked_by(hire(shop), adjust_of(held, 700)).answer


def settle_by_unlinked_refund(shop: Shop, held: HeldCard, held_id: Any) -> Answer | None:
    return give(shop, held, 700).answer


def settle_by_reactivation(shop: Shop, held: HeldCard, held_id: Any) -> Answer | None:
    return reactivate(at_the_till(shop), held.card.id)


def settle_by_move(shop: Shop, held: HeldCard, held_id: Any) -> None:
    assert moved(shop, shop.card(balance=700), held, 700).approved


def settle_by_void_of_a_move(shop: Shop, held: HeldCard, held_id: Any) -> Answer | None:
    with connection.cursor() as cursor:
        cursor.execute("select id from ledger_move where from_account = %s", [held.account_id])
        return void(at_the_till(shop), cursor.fetchone()[0])


def settle_by_bonus(shop: Shop, held: HeldCard, held_id: Any) -> None:
    (part,) = [one for one in list_due_parts(shop.at + DAY) if one.account_id == held.account_id]
    assert pay_part(part, at=shop.at + DAY)


# By what: how much of the 1,000 that are held is free, or added, afterwards.
SETTLED: list[tuple[Callable[..., Answer | None], int]] = [
    (settle_by_release, 1_000),
    (settle_by_capture, 600),
    (settle_by_clock, 1_000),
    (settle_by_adjustment, 700),
    (settle_by_unlinked_refund, 700),
    (settle_by_reactivation, 700),
    (settle_by_move, 700),
    (settle_by_void_of_a_move, 700),
    (settle_by_bonus, 700),
]


@pytest.mark.usefixtures("committed_db")
@pytest.mark.parametrize(("settle", "freed"), SETTLED, ids=lambda one: getattr(one, "__name__", None))
def test_what_comes_free_settles_what_is_owed_first(settle: Callable[..., Answer | None], freed: int) -> None:
    shop = open_shop(reactivates_expired=True, adjust_alone_max=1_000)
    held, grant = shop.card(balance=1_000), allow(shop)
    if settle is settle_by_bonus:
        shop.offer(1, 1_400, instalments=2, interval="day")
        assert shop.load(held, 1).approved
        assert shop.redeem(held, 701).approved
    elif settle is settle_by_void_of_a_move:
        shop.load_at_desk(held, 700)
        moved(shop, held, shop.card(), 700)
    elif settle is settle_by_reactivation:
        add_lot(held, shop, 700, expires_on=YESTERDAY)
    held_id = held_back(shop, held).id
    before = held.balance()
    advise(shop, held, 300, grant)
    assert (held.row("shortfall"), held.balance()) == (300, before)

    answer = settle(shop, held, held_id)

    spent = 400 if settle is settle_by_capture else 0
    added = freed if settle not in (settle_by_release, settle_by_capture, settle_by_clock) else 0
    if settle is settle_by_reactivation:
        added = 0
    assert (held.row("shortfall"), lent(shop)) == (0, 0)
    assert held.balance() == before - spent + added - 300
    if answer is not None:
        assert (answer.balance_minor, answer.available_minor) == (held.balance(), freed - 300)
    assert_ledger_is_clean()


@pytest.mark.usefixtures("committed_db")
def test_an_account_that_owes_is_neither_merged_nor_closed_nor_paid_out() -> None:
    shop = open_shop()
    held, target = shop.card(balance=100), shop.card(balance=50)
    # Expired value settles nothing, and leaves with a merge otherwise.
    add_lot(held, shop, 250, expires_on=YESTERDAY)
    advise(shop, held, 300, allow(shop))
    before = figures()
    closes: dict[str, Any] = {"tender": "cash", "paid_minor": 0}

    answers = [
        merged(shop, held, target),
        return_card(at_the_till(shop), held.card.id, note="asked for", **closes),
        cash_out(at_the_till(shop), held.card.id, closes_because="asked for", **closes),
        moved(shop, held, target, 1),
        cash_out(at_the_till(shop), held.card.id, paid_minor=1, tender="cash"),
    ]

    owed = ("type_not_allowed", "shortfall_owed")
    assert [(one.reason, one.cause) for one in answers] == [owed] * 3 + [("insufficient_funds", None)] * 2
    assert "top up what it owes first" in answers[0].why.en
    assert (figures(), states(held, target)) == (before, ["active", "active"])
    shop.load_at_desk(held, 201)
    assert merged(shop, held, target).approved_minor == 251
    assert (held.balance(), held.row("shortfall"), lent(shop)) == (0, 0, 0)
    assert_ledger_is_clean()


@pytest.mark.usefixtures("committed_db")
def test_whatever_is_done_who_owes_has_nothing_that_could_leave() -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    choose, shop = random.Random(seed), open_shop()
    one, other = shop.card(balance=1_000), shop.card(balance=200)
    grant = allow(shop, replace(LIMITS, count=5_000, per_terminal=10_000_000, per_card=10_000_000))
    holds: list[UUID] = []
    done: list[UUID] = []
    for _ in range(120):
        held, amount = choose.choice([one, other]), choose.randint(1, 500)
        step = choose.choice(
            ["load", "redeem", "advise", "advise", "hold", "release", "capture", "move", "pay", "void"]
        )
        match step:
            case "load":
                answer = shop.load_at_desk(held, amount)
            case "redeem":
                answer = shop.redeem(held, amount)
            case "advise":
                answer = advise(shop, held, amount, grant)
            case "hold":
                answer = held_back(shop, held, amount)
                holds += [answer.id] if answer.approved else []
            case "release" | "capture" if holds:
                which = holds.pop(choose.randrange(len(holds)))
                money = Money(amount, "CNY")
                answer = (
                    release(shop.request(), which)
                    if step == "release"
                    else capture(shop.request(), which, money)
                )
            case "move":
                answer = moved(shop, held, other if held is one else one, amount)
            case "pay":
                answer = cash_out(at_the_till(shop), held.card.id, paid_minor=amount, tender="cash")
            case "void" if done:
                answer = void(at_the_till(shop), choose.choice(done))
            case _:
                continue
        done += [answer.id] if answer.approved else []
        for each in (one, other):
            available = each.row("ledger_available(ledger_account, '2026-11-23')")
            assert not each.row("shortfall") or not available, (seed, step, amount)
            assert step not in ("move", "pay") or not answer.approved or not held.row("shortfall"), seed
    assert_ledger_is_clean()


def merge_while_an_advice_is_under_way(shop: Shop) -> tuple[HeldCard, Answer | Exception]:
    """Merge an empty card while an advice that lends to it is posted and not committed yet."""
    held, target, grant = shop.card(), shop.card(), allow(shop)
    results: list[Answer | Exception] = []
    merging = threading.Thread(target=lambda: results.extend(together([partial(merged, shop, held, target)])))
    with transaction.atomic():
        advise(shop, held, 300, grant)
        merging.start()
        wait_until_blocked_or_over(merging)
    merging.join()
    return held, results[0]


@pytest.mark.race
@pytest.mark.usefixtures("committed_db")
def test_a_merge_waits_for_the_advice_that_lends_and_leaves_no_debt_behind() -> None:
    held, answer = merge_while_an_advice_is_under_way(open_shop())

    assert isinstance(answer, Answer)
    assert (answer.reason, answer.cause) == ("type_not_allowed", "shortfall_owed")
    assert (states(held), held.row("shortfall")) == (["active"], 300)
    assert_ledger_is_clean()


@pytest.mark.race
def test_without_the_lock_on_the_accounts_a_merge_leaves_a_debt_behind_a_closed_card(scratch_db: str) -> None:
    text = function_text("stored_value_move")
    assert text.count("v_target.account_id) for update;") == 2
    change(text.replace("v_target.account_id) for update;", "v_target.account_id);"))

    held, answer = merge_while_an_advice_is_under_way(open_shop())

    assert isinstance(answer, Answer)
    assert answer.approved
    assert (states(held), held.row("shortfall")) == (["closed"], 300)


def test_the_audit_names_an_account_that_owes_and_could_pay(scratch_db: str) -> None:
    shop = open_shop()
    held, grant = shop.card(balance=1_000), allow(shop)
    held_id = held_back(shop, held).id
    advise(shop, held, 300, grant)
    take_out("stored_value_release", "v_after := ledger_recover(p_request, v_after);")

    release(shop.request(), held_id)

    assert {finding.invariant for finding in audit()} == {"who_owes_has_nothing_available"}
