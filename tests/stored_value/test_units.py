"""Visits, minutes and privileges: the same ledger and the same rules as money, and never added to it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.utils.translation import override

from prepaid.cards.presentation import at_the_desk
from prepaid.money import MINUTES, PRIVILEGES, UNITS, VISITS, Money, format_amount, parse_amount
from prepaid.reports.figures import report
from prepaid.reports.periods import Period
from prepaid.stored_value.hold import capture, hold
from prepaid.stored_value.load import load
from prepaid.stored_value.redeem import redeem
from prepaid.stored_value.refund import refund
from prepaid.stores.opening import open_store
from terminals.amounts import EXPONENTS, format_money
from terminals.amounts import UNITS as TERMINAL_UNITS
from tests.shop import NOON, HeldCard, Shop, assert_ledger_is_clean, figures, open_shop, together
from tests.stored_value.races import outcomes

pytestmark = pytest.mark.usefixtures("committed_db")
# What ISO 4217 has given out of its X range: metals, bond units, regional currencies, tests and none.
ISO_4217_X = {
    "XAD", "XAF", "XAG", "XAU", "XBA", "XBB", "XBC", "XBD", "XCD", "XCG", "XDR", "XOF", "XPD", "XPF", "XPT",
    "XSU", "XTS", "XUA", "XXX", "XFO", "XFU", "XEU", "XRE",
}  # fmt: skip


@pytest.fixture
def shop() -> Shop:
    return open_shop(currency=VISITS, unit_price=3_000)


@pytest.fixture
def passed(shop: Shop) -> HeldCard:
    """A pass for ten visits."""
    return shop.card(balance=10)


def price_of(held: HeldCard) -> list[tuple[int | None, str | None]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "select price, price_currency from ledger_lot where account_id = %s order by lot_no",
            [held.account_id],
        )
        return list(cursor.fetchall())


@pytest.mark.parametrize("unit", UNITS)
def test_unit_is_issued_loaded_redeemed_by_one_and_undone(unit: str) -> None:
    shop = open_shop(currency=unit)
    held = shop.card()

    loaded = shop.load(held, 10)
    spent = shop.redeem(held, 1)
    undone = shop.void(spent.id)

    assert [
        (one.outcome, one.approved_minor, one.currency, one.balance_minor) for one in (loaded, spent, undone)
    ] == [
        ("approved", 10, unit, 10),
        ("approved", 1, unit, 9),
        ("approved", 1, unit, 10),
    ]
    assert_ledger_is_clean()


def test_privilege_used_once_is_used_up() -> None:
    shop = open_shop(currency=PRIVILEGES)
    held = shop.card(balance=1)

    reasons = [shop.redeem(held, 1).reason for _ in range(2)]

    assert reasons == [None, "insufficient_funds"]
    assert_ledger_is_clean()


def test_units_are_held_captured_and_given_back(shop: Shop, passed: HeldCard) -> None:
    placed = hold(shop.request(), passed.tap(), Money(4, VISITS), expires_at=NOON + timedelta(hours=1))
    taken = capture(shop.request(), placed.id, Money(3, VISITS))
    back = refund(shop.request(), taken.id, Money(1, VISITS))

    assert [one.balance_minor for one in (placed, taken, back)] == [10, 7, 8]
    assert_ledger_is_clean()


def test_units_and_money_are_told_apart(shop: Shop, passed: HeldCard) -> None:
    before = figures()

    reasons = [
        redeem(shop.request(), passed.tap(), Money(1, "CNY")).reason,
        redeem(shop.request(), passed.tap(), Money(1, MINUTES)).reason,
        load(shop.request(), passed.tap(), Money(1, "CNY"), tender="cash").reason,
        hold(shop.request(), passed.tap(), Money(1, "CNY"), expires_at=NOON + timedelta(hours=1)).reason,
    ]

    assert reasons == ["currency_mismatch"] * 4
    assert figures() == before


def test_price_of_units_is_the_program_s_or_the_one_told(shop: Shop, passed: HeldCard) -> None:
    desk, visits = at_the_desk(passed.card.id), Money(2, VISITS)
    assert load(shop.request(), desk, visits, tender="cash", price_minor=5_000).approved

    assert price_of(passed) == [(30_000, "CNY"), (5_000, "CNY")]


def test_money_and_units_without_a_price_have_none() -> None:
    money, units = open_shop(unit_price=100), open_shop(currency=MINUTES)

    assert price_of(money.card(balance=500)) == [(None, None)]
    assert price_of(units.card(balance=60)) == [(None, None)]


def test_limits_count_units(shop: Shop) -> None:
    shop = open_shop(currency=VISITS, redeem_day_max=1)
    held = shop.card(balance=10)

    assert [shop.redeem(held, 1).reason for _ in range(2)] == [None, "limit_day"]


@pytest.mark.race
def test_fifty_threads_on_a_pass_for_ten_succeed_ten_times(shop: Shop) -> None:
    held = shop.card(balance=10, method="number", pin=b"right")

    results = together(
        [lambda: redeem(shop.request(), held.typed(b"right"), Money(1, VISITS)) for _ in range(50)]
    )

    assert outcomes(results) == {"approved": 10, "declined": 40}
    assert_ledger_is_clean()


def test_report_adds_no_units_to_money(scratch_db: str) -> None:
    money, units = open_shop(), open_shop(currency=VISITS)
    money.redeem(money.card(balance=10_000), 1_200)
    units.redeem(units.card(balance=10), 1)
    period = Period(first=NOON.date(), last=NOON.date())

    in_money = report(period, currency="CNY").total
    in_visits = report(period, currency=VISITS).total

    assert (in_money.topped_up, in_money.redeemed) == (10_000, 1_200)
    assert (in_visits.topped_up, in_visits.redeemed) == (10, 1)


def test_store_has_general_accounts_in_its_currency_and_every_unit() -> None:
    store = open_store("UNITS-HERE", "Pool", currency="EUR")

    with connection.cursor() as cursor:
        cursor.execute(
            "select distinct currency from ledger_general_account where owner_id = %s order by 1", [store.id]
        )
        assert [code for (code,) in cursor.fetchall()] == sorted(("EUR", *UNITS))


def test_codes_of_units_are_nobody_else_s_and_the_same_on_the_terminal() -> None:
    assert all(code.startswith("X") and code not in ISO_4217_X for code in UNITS)
    assert tuple(TERMINAL_UNITS) == UNITS
    assert [EXPONENTS[code] for code in UNITS] == [0, 0, 0]


@pytest.mark.parametrize(
    ("count", "unit", "english", "chinese"),
    [
        (8, VISITS, "8 visits", "8 次"),
        (1, VISITS, "1 visit", "1 次"),
        (1_200, VISITS, "1,200 visits", "1,200 次"),
        (45, MINUTES, "45 min", "45 分钟"),
        (1, PRIVILEGES, "1 privilege", "1 项权益"),
        (2, PRIVILEGES, "2 privileges", "2 项权益"),
    ],
)
def test_units_are_shown_in_words(count: int, unit: str, english: str, chinese: str) -> None:
    with override("en"):
        assert format_amount(Money(count, unit)) == english
    with override("zh-hans"):
        assert format_amount(Money(count, unit)) == chinese
        assert format_amount(Money(-count, unit)) == f"−{chinese}"
    assert (format_money(count, unit, "en"), format_money(count, unit, "zh")) == (english, chinese)


def test_part_of_a_unit_is_refused() -> None:
    assert parse_amount("10", VISITS) == Money(10, VISITS)
    with pytest.raises(ValueError, match="digits"):
        parse_amount("1.5", VISITS)
