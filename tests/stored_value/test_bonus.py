"""What a top-up earns: the best offer, paid once, part by part, and taken back with its load."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import psycopg
import pytest
from django.db import connection

from prepaid.cards.models import Account, Card
from prepaid.identifiers import uuid7
from prepaid.money import Money
from prepaid.stored_value import calls
from prepaid.stored_value.answers import Answer
from prepaid.stored_value.bonus import (
    BonusStanding,
    find_bonus,
    get_standing,
    list_due_parts,
    pay_instalments,
)
from prepaid.stored_value.load import load
from prepaid.stored_value.move import move
from tests.shop import NOON, HeldCard, Shop, assert_ledger_is_clean, figures, open_shop, together
from tests.stored_value.races import change, take_out

pytestmark = pytest.mark.usefixtures("committed_db")
DAY = timedelta(days=1)


@pytest.fixture
def shop() -> Shop:
    return open_shop()


def lots_of(held: HeldCard) -> list[tuple[bool, int, date | None, str, str]]:
    """List the lots as made: bonus or paid, amount, expiry, tender, campaign."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select bonus, amount, expires_on, tender, campaign from ledger_lot where account_id = %s "
            "order by lot_no",
            [held.account_id],
        )
        return list(cursor.fetchall())


def history_of(held: HeldCard) -> list[tuple[str, int]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "select type || coalesce(' ' || undoes, ''), amount from ledger_transaction "
            "where account_id = %s order by position",
            [held.account_id],
        )
        return list(cursor.fetchall())


def parts_of(answer: Answer) -> list[tuple[int, int, str, str | None]]:
    return [
        (each.number, each.amount_minor, str(each.due_on), each.resolution) for each in find_bonus(answer.id)
    ]


def test_top_up_that_earns_a_bonus_makes_a_paid_and_a_bonus_lot(shop: Shop) -> None:
    offer = shop.offer(50_000, 5_000, bonus_valid_days=30)
    held = shop.card()

    answer = shop.load(held, 50_000)

    assert (answer.approved_minor, answer.balance_minor, answer.available_minor) == (50_000, 55_000, 55_000)
    assert lots_of(held) == [
        (True, 5_000, date(2026, 12, 23), "cash", offer.code),
        (False, 50_000, None, "cash", ""),
    ]
    assert history_of(held) == [("bonus", 5_000), ("load", 50_000)]
    assert parts_of(answer) == [(1, 5_000, "2026-11-23", "paid")]
    assert held.row("loaded_today") == 50_000
    assert_ledger_is_clean()


def test_repeat_of_a_top_up_gives_the_bonus_once(shop: Shop) -> None:
    shop.offer(100, 10)
    held = shop.card()
    request, tap = shop.request(), held.tap()
    first = load(request, tap, Money(100, "CNY"), tender="cash")

    again = load(request, tap, Money(100, "CNY"), tender="cash")

    assert (first.balance_minor, again.balance_minor, again.replayed) == (110, 110, True)
    assert held.balance() == 110
    assert_ledger_is_clean()


APPLIES: dict[str, tuple[dict[str, Any], int]] = {
    "from its first day": ({"starts_on": date(2026, 11, 23)}, 10),
    "not before it": ({"starts_on": date(2026, 11, 24)}, 0),
    "to its last day": ({"starts_on": date(2026, 11, 1), "ends_on": date(2026, 11, 23)}, 10),
    "not after it": ({"starts_on": date(2026, 11, 1), "ends_on": date(2026, 11, 22)}, 0),
    "in its stores": ({"store_ids": "here"}, 10),
    "not in others": ({"store_ids": "elsewhere"}, 0),
    "to its tier": ({"tier": "gold"}, 10),
    "not to another tier": ({"tier": "silver"}, 0),
    "not below its amount": ({"pay": 101}, 0),
}


@pytest.mark.parametrize("name", APPLIES)
def test_offer_applies(shop: Shop, name: str) -> None:
    terms, earned = APPLIES[name]
    stores = {"here": [shop.store.id], "elsewhere": [uuid7()]}
    changed = {key: stores.get(str(value), value) for key, value in terms.items() if key != "pay"}
    shop.offer(int(terms.get("pay", 100)), 10, **changed)
    held = shop.card()
    Account.objects.filter(pk=held.account_id).update(tier="gold")

    assert shop.load(held, 100).balance_minor == 100 + earned
    assert_ledger_is_clean()


def test_best_offer_wins_and_only_that_one(shop: Shop) -> None:
    for pay, bonus in ((100, 10), (500, 80), (1_000, 200)):
        shop.offer(pay, bonus)
    elsewhere = open_shop()
    elsewhere.offer(1, 1_000_000)

    balances = [shop.load(shop.card(), amount).balance_minor for amount in (99, 100, 499, 500, 5_000)]

    assert balances == [99, 110, 509, 580, 5_200]
    assert_ledger_is_clean()


def test_of_two_alike_the_one_that_is_paid_sooner_wins(shop: Shop) -> None:
    shop.offer(100, 12, instalments=12)
    at_once = shop.offer(100, 12)

    answer = shop.load(shop.card(), 100)

    assert [each.campaign for each in find_bonus(answer.id)] == [at_once.code]
    assert answer.balance_minor == 112


def test_bonus_counts_against_the_balance_limit(shop: Shop) -> None:
    shop = open_shop(balance_max=1_000)
    shop.offer(900, 101)
    held = shop.card()
    before = figures()

    answer = shop.load(held, 900)

    assert (answer.reason, figures()) == ("limit_balance", before)
    assert shop.load(held, 899).approved


@pytest.mark.parametrize("tender", ["stored_value", "prepaid"])
def test_stored_value_never_funds_a_top_up(shop: Shop, tender: str) -> None:
    shop.offer(100, 10)
    held = shop.card()
    before = figures()

    answer = load(shop.request(), held.tap(), Money(100, "CNY"), tender=tender)  # type: ignore[arg-type]

    assert (answer.reason, figures()) == ("type_not_allowed", before)


def test_what_is_not_a_top_up_earns_nothing(shop: Shop) -> None:
    shop.offer(1, 1_000)
    held = shop.card()
    shop.load(held, 500)
    spent = shop.redeem(held, 1_200)
    shop.void(spent.id)
    other = shop.card()
    assert move(shop.request(), held.card.id, other.card.id, Money(600, "CNY")).approved

    assert (held.balance(), other.balance()) == (900, 600)
    assert [kind for kind, _ in history_of(held)] == ["bonus", "load", "redeem", "void redeem", "move_out"]
    assert [kind for kind, _ in history_of(other)] == ["move_in"]


# Instalments


@pytest.mark.parametrize(
    ("interval", "days"),
    [
        ("day", ["2026-11-23", "2026-11-24", "2026-11-25"]),
        ("week", ["2026-11-23", "2026-11-30", "2026-12-07"]),
        ("month", ["2026-11-23", "2026-12-23", "2027-01-23"]),
    ],
)
def test_parts_come_by_day_week_or_month_and_the_last_takes_the_odd_units(
    shop: Shop, interval: str, days: list[str]
) -> None:
    shop.offer(500, 50, instalments=3, interval=interval)
    held = shop.card()

    answer = shop.load(held, 500)

    assert answer.balance_minor == 516
    assert get_standing(held.account_id) == BonusStanding(16, 34)
    assert parts_of(answer) == [
        (1, 16, days[0], "paid"),
        (2, 16, days[1], None),
        (3, 18, days[2], None),
    ]
    assert_ledger_is_clean()


def test_month_s_last_day_does_not_drift(shop: Shop) -> None:
    shop.at = NOON.replace(month=12, day=31)
    shop.offer(500, 50, instalments=4)

    answer = shop.load(shop.card(), 500)

    assert [str(each.due_on) for each in find_bonus(answer.id)] == [
        "2026-12-31",
        "2027-01-31",
        "2027-02-28",
        "2027-03-31",
    ]


def promised(shop: Shop, **terms: Any) -> tuple[HeldCard, Answer]:
    """A card with 500 paid and 10 given of a bonus of 30 that comes in three days."""
    shop.offer(500, 30, **{"instalments": 3, "interval": "day"} | terms)
    held = shop.card()
    return held, shop.load(held, 500)


def test_job_pays_each_part_on_its_day_and_once(shop: Shop) -> None:
    held, _ = promised(shop, bonus_valid_days=7)
    at = shop.at

    balances = []
    for _ in range(4):
        pay_instalments(at)
        pay_instalments(at)
        balances.append(held.balance())
        at += DAY

    assert balances == [510, 520, 530, 530]
    assert get_standing(held.account_id) == BonusStanding(30, 0)
    assert [until for bonus, _, until, *_ in lots_of(held) if bonus] == [
        date(2026, 11, 30),
        date(2026, 12, 1),
        date(2026, 12, 2),
    ]
    assert_ledger_is_clean()


def test_part_is_due_when_the_day_begins_in_its_store(shop: Shop) -> None:
    held, _ = promised(shop)
    midnight = NOON + timedelta(hours=12)

    pay_instalments(midnight - timedelta(seconds=1))
    before = held.balance()
    pay_instalments(midnight)

    assert (before, held.balance()) == (510, 520)


def test_job_that_was_away_pays_all_that_is_due(shop: Shop) -> None:
    held, _ = promised(shop)

    pay_instalments(shop.at + 30 * DAY)

    assert held.balance() == 530
    assert not [part for part in list_due_parts(shop.at + 30 * DAY) if part.account_id == held.account_id]
    assert_ledger_is_clean()


def test_part_waits_while_the_card_would_hold_too_much(shop: Shop) -> None:
    shop = open_shop(balance_max=515)
    held, _ = promised(shop)
    pay_instalments(shop.at + DAY)
    full = held.balance()
    shop.redeem(held, 10)
    pay_instalments(shop.at + DAY)

    assert (full, held.balance()) == (510, 510)
    assert_ledger_is_clean()


def test_part_waits_where_no_card_is_left(shop: Shop) -> None:
    held, _ = promised(shop)
    Card.objects.filter(pk=held.card.pk).update(state="closed")

    pay_instalments(shop.at + DAY)

    assert held.balance() == 510


@pytest.mark.race
def test_jobs_at_once_pay_a_part_once(shop: Shop) -> None:
    held, _ = promised(shop)

    together([lambda: pay_instalments(NOON + DAY)] * 8)  # type: ignore[list-item, return-value]

    assert held.balance() == 520
    assert_ledger_is_clean()


@pytest.mark.race
def test_without_the_look_at_what_is_resolved_the_key_still_refuses_a_second_payment(scratch_db: str) -> None:
    take_out("ledger_pay_bonus", " and resolution is null", instead="")
    take_out("stored_value_pay_instalment", " and resolution is null", instead="")
    change("alter table ledger_bonus disable trigger resolved_once")
    shop = open_shop()
    held, answer = promised(shop)
    pay_instalments(shop.at + DAY)
    request = shop.request(recorded_at=shop.at + DAY, sequence=None)
    sql = f"select stored_value_pay_instalment({calls.REQUEST}, %s::uuid, %s::uuid, 2)"

    with pytest.raises(psycopg.errors.UniqueViolation, match="ledger_transaction_bonus_once"):
        calls.fetch(sql, [*calls.request_values(request), held.account_id, answer.id])
    change("drop index ledger_transaction_bonus_once")
    calls.fetch(sql, [*calls.request_values(request), held.account_id, answer.id])
    assert held.balance() == 530


def test_bonus_is_in_the_order_that_its_program_spends_in(shop: Shop) -> None:
    taken = {}
    for order in ("bonus_first", "paid_first", "proportional"):
        shop = open_shop(consumption_order=order)
        shop.offer(900, 100)
        held = shop.card()
        shop.load(held, 900)
        shop.redeem(held, 55)
        with connection.cursor() as cursor:
            cursor.execute(
                "select lot.bonus, lot.remaining from ledger_account, unnest(lots) as lot where id = %s",
                [held.account_id],
            )
            taken[order] = dict(cursor.fetchall())
    assert taken == {
        "bonus_first": {True: 45, False: 900},
        "paid_first": {True: 100, False: 845},
        # A tenth of 55 is 5 and a half: the odd unit falls to the last lot taken, the paid one.
        "proportional": {True: 95, False: 850},
    }
    assert_ledger_is_clean()
