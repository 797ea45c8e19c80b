"""Value expires lot by lot, once, and never under a hold that was placed while it was good."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from uuid import UUID

import pytest
from django.db import connection

from prepaid.ledger.accounts import general_account_id
from prepaid.money import Money
from prepaid.stored_value import calls
from prepaid.stored_value.answers import Answer
from prepaid.stored_value.expire import expire_lots, list_due_lots
from prepaid.stored_value.hold import capture, hold, release
from prepaid.stored_value.refund import refund
from prepaid.stores.models import Store
from tests.shop import NOON, HeldCard, Shop, assert_ledger_is_clean, figures, open_shop, together
from tests.stored_value.races import MEET, change, take_out

pytestmark = pytest.mark.usefixtures("committed_db")
DAY = timedelta(days=1)
# Value of a month, loaded on 23 November, is good to the end of 23 December.
LAST_DAY = NOON + 30 * DAY
AFTER = NOON + 31 * DAY


@pytest.fixture
def shop() -> Shop:
    return open_shop(value_valid_months=1)


@pytest.fixture
def held(shop: Shop) -> HeldCard:
    return shop.card(balance=1_000)


def transactions_of(held: HeldCard) -> list[tuple[str, int, date]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "select type, amount, business_date from ledger_transaction "
            "where account_id = %s order by position",
            [held.account_id],
        )
        return list(cursor.fetchall())


def place(shop: Shop, held: HeldCard, amount: int, *, at: datetime, days: int = 60) -> Answer:
    request = shop.request(recorded_at=at, occurred_at=at)
    return hold(request, held.tap(), Money(amount, "CNY"), expires_at=at + days * DAY)


def capture_at(shop: Shop, original: UUID, amount: int, *, at: datetime) -> Answer:
    return capture(shop.request(recorded_at=at, occurred_at=at), original, Money(amount, "CNY"))


def moved_to(kind: str, shop: Shop) -> int:
    account = general_account_id(kind, owner_id=shop.store.id, currency="CNY")  # type: ignore[arg-type]
    with connection.cursor() as cursor:
        cursor.execute(
            "select coalesce(sum(case when credit_account = %s then amount else -amount end), 0)::bigint "
            "from ledger_transfer where %s in (credit_account, debit_account)",
            [account, account],
        )
        return int(cursor.fetchone()[0])


def test_lot_is_taken_off_when_its_last_day_is_over_and_once(shop: Shop, held: HeldCard) -> None:
    shop.redeem(held, 300)

    expire_lots(LAST_DAY)
    before = held.balance()
    expire_lots(AFTER)
    expire_lots(AFTER + DAY)

    assert (before, held.balance(), held.row("cardinality(lots)")) == (700, 0, 0)
    assert transactions_of(held)[2:] == [("expire", 700, date(2026, 12, 24))]
    assert moved_to("breakage", shop) == 700
    assert_ledger_is_clean()


def test_bonus_that_expires_goes_back_to_promotion(shop: Shop) -> None:
    shop.offer(500, 50, bonus_valid_days=7)
    held = shop.card()
    shop.load(held, 500)
    given = moved_to("promotion", shop)

    expire_lots(NOON + 8 * DAY)

    assert (given, moved_to("promotion", shop), moved_to("breakage", shop)) == (-50, 0, 0)
    assert held.balance() == 500
    assert_ledger_is_clean()


def test_lot_is_good_as_long_as_its_last_day_lasts_in_any_store(own_db: str) -> None:
    shop = open_shop(value_valid_months=1)
    held = shop.card(balance=1_000)
    behind = Store.objects.create(
        code=f"H{shop.store.code}", name="Hawaii", currency="CNY", timezone="Pacific/Honolulu"
    )
    midnight = datetime(2026, 12, 23, 16, tzinfo=NOON.tzinfo)
    expire_lots(midnight)
    while_it_lasts = held.balance()
    Store.objects.filter(pk=behind.pk).update(timezone="Asia/Shanghai")
    expire_lots(midnight)

    assert (while_it_lasts, held.balance()) == (1_000, 0)


@pytest.mark.race
def test_jobs_at_once_expire_a_lot_once(shop: Shop, held: HeldCard) -> None:
    together([lambda: expire_lots(AFTER)] * 8)  # type: ignore[list-item, return-value]

    assert [kind for kind, *_ in transactions_of(held)] == ["load", "expire"]
    assert_ledger_is_clean()


def test_lot_is_kept_by_a_hold_and_taken_off_after_it(shop: Shop, held: HeldCard) -> None:
    placed = place(shop, held, 400, at=NOON)
    expire_lots(AFTER)  # takes off what other tests left, and nothing of this card
    before = figures()
    expire_lots(AFTER)
    assert (figures(), held.balance()) == (before, 1_000)

    release(shop.request(recorded_at=AFTER), placed.id)
    expire_lots(AFTER)

    assert held.balance() == 0
    assert_ledger_is_clean()


def test_hold_that_was_placed_later_keeps_nothing_that_had_expired(shop: Shop, held: HeldCard) -> None:
    shop.at = AFTER
    shop.load(held, 500)
    place(shop, held, 500, at=AFTER)

    expire_lots(AFTER)

    assert (held.balance(), held.row("held")) == (500, 500)
    assert_ledger_is_clean()


def test_capture_in_time_succeeds_though_the_lot_expired_under_the_hold(shop: Shop, held: HeldCard) -> None:
    placed = place(shop, held, 400, at=NOON)
    expire_lots(AFTER)

    answer = capture_at(shop, placed.id, 400, at=AFTER)

    assert (answer.outcome, answer.balance_minor, answer.available_minor) == ("approved", 600, 0)
    expire_lots(AFTER)
    assert [kind for kind, *_ in transactions_of(held)] == ["load", "hold", "capture", "expire"]
    assert_ledger_is_clean()


def test_without_the_day_of_the_hold_the_capture_would_fail(scratch_db: str) -> None:
    take_out(
        "stored_value_capture",
        "least(v_hold.placed_on, p_request.business_date)",
        instead="p_request.business_date",
    )
    shop = open_shop(value_valid_months=1)
    held = shop.card(balance=1_000)
    placed = place(shop, held, 400, at=NOON)

    assert capture_at(shop, placed.id, 400, at=AFTER).reason == "insufficient_funds"


def test_without_the_look_at_holds_the_job_takes_what_a_hold_needs(scratch_db: str) -> None:
    take_out(
        "ledger_expire_lot", "hold.resolution is null and hold.placed_on <= v_lot.expires_on", instead="false"
    )
    change("alter table ledger_account drop constraint ledger_account_held_within_balance")
    shop = open_shop(value_valid_months=1)
    held = shop.card(balance=1_000)
    placed = place(shop, held, 400, at=NOON)
    expire_lots(AFTER)

    assert capture_at(shop, placed.id, 400, at=AFTER).reason == "insufficient_funds"


def test_what_expired_under_a_hold_leaves_the_rest_available(shop: Shop, held: HeldCard) -> None:
    first = place(shop, held, 1_000, at=NOON)
    shop.at = AFTER
    loaded = shop.load(held, 500)
    second = place(shop, held, 300, at=AFTER)

    over = shop.redeem(held, 201)
    spent = shop.redeem(held, 200)
    captured = [capture_at(shop, one.id, amount, at=AFTER) for one, amount in ((second, 300), (first, 1_000))]

    assert (loaded.available_minor, second.available_minor) == (500, 200)
    assert (over.reason, spent.outcome) == ("insufficient_because_of_hold", "approved")
    assert [one.outcome for one in captured] == ["approved", "approved"]
    assert held.balance() == 0
    assert_ledger_is_clean()


def test_capture_spends_what_expired_first_and_leaves_the_later_hold_its_own(shop: Shop) -> None:
    shop.offer(500, 100, starts_on=date(2026, 12, 24))
    held = shop.card(balance=400)
    first = place(shop, held, 400, at=NOON)
    shop.at = AFTER
    shop.load(held, 500)
    second = place(shop, held, 600, at=AFTER)

    assert capture_at(shop, first.id, 400, at=AFTER).approved
    assert capture_at(shop, second.id, 600, at=AFTER).approved
    assert_ledger_is_clean()


def test_refund_into_a_lot_that_expired_is_taken_off_again(shop: Shop, held: HeldCard) -> None:
    spent = shop.redeem(held, 300)
    expire_lots(AFTER)
    assert refund(shop.request(recorded_at=AFTER), spent.id, Money(100, "CNY")).available_minor == 0

    expire_lots(AFTER)

    assert [amount for kind, amount, _ in transactions_of(held) if kind == "expire"] == [700, 100]
    assert_ledger_is_clean()


@pytest.mark.race
def test_expiry_and_a_hold_at_once_never_leave_a_hold_uncovered(shop: Shop) -> None:
    shop.at = LAST_DAY
    for _ in range(10):
        held = open_card_with_month(shop)
        tap, request = held.tap(), shop.request(recorded_at=LAST_DAY)
        together(
            [
                lambda: hold(request, tap, Money(600, "CNY"), expires_at=AFTER + DAY),  # noqa: B023
                lambda: expire_lots(AFTER),  # type: ignore[list-item, return-value]
            ]
        )
        assert held.balance() in (0, 1_000)
    assert_ledger_is_clean()


def open_card_with_month(shop: Shop) -> HeldCard:
    held = shop.card()
    assert shop.load_at_desk(held, 1_000, recorded_at=NOON, occurred_at=NOON).approved
    return held


@pytest.mark.race
def test_without_the_lock_on_the_account_a_lot_is_expired_twice(scratch_db: str) -> None:
    take_out("ledger_expire_lot", " for update", instead=f"; perform {MEET}")
    take_out("ledger_post", " and position = p_before.position")
    for table in ("ledger_transaction", "ledger_transfer"):
        change(f"alter table {table} drop constraint {table}_pkey")
    shop = open_shop(value_valid_months=1)
    held = shop.card(balance=1_000)
    (due,) = list_due_lots(AFTER)
    breakage = general_account_id("breakage", owner_id=shop.store.id, currency="CNY")
    sql = f"select ledger_expire_lot({calls.REQUEST}, %s::uuid, %s::integer, %s::uuid)"

    def expire() -> Answer:
        request = shop.request(recorded_at=AFTER, sequence=None)
        calls.fetch(sql, [*calls.request_values(request), due.account_id, due.lot_no, breakage])
        return None  # type: ignore[return-value]

    together([expire] * 4)

    assert [kind for kind, *_ in transactions_of(held)].count("expire") > 1
