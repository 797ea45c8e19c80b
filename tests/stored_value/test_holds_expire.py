"""Holds whose time is over are released by the clock, each once, on the day of the store that placed them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from django.db import connection

from prepaid.money import Money
from prepaid.stored_value.hold import hold, release
from prepaid.stored_value.holds import expire_holds, list_due
from tests.databases import own_database
from tests.shop import NOON, HeldCard, Shop, assert_ledger_is_clean, open_shop, together

AN_HOUR = timedelta(hours=1)


@pytest.fixture
def shop(committed_db: None) -> Iterator[Shop]:
    """A shop in a database of its own: expiry looks at the holds of all."""
    with own_database():
        yield open_shop()
        assert_ledger_is_clean()


@pytest.fixture
def held(shop: Shop) -> HeldCard:
    """A card with 100.00, of which 30.00 are held for an hour."""
    held = shop.card(balance=10_000)
    assert hold(shop.request(), held.tap(), Money(3_000, "CNY"), expires_at=NOON + AN_HOUR).approved
    return held


def transactions_of(held: HeldCard) -> list[tuple[str, int, int, date]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "select type, amount, held_after, business_date from ledger_transaction "
            "where account_id = %s order by position",
            [held.account_id],
        )
        return list(cursor.fetchall())


def test_hold_is_released_when_its_time_is_over(shop: Shop, held: HeldCard) -> None:
    assert expire_holds(NOON + AN_HOUR) == 1

    assert (held.balance(), held.row("held")) == (10_000, 0)
    assert transactions_of(held)[-1] == ("release", 3_000, 0, date(2026, 11, 23))


def test_hold_whose_time_is_not_over_is_left(shop: Shop, held: HeldCard) -> None:
    assert expire_holds(NOON + AN_HOUR - timedelta(milliseconds=1)) == 0
    assert held.row("held") == 3_000


def test_second_run_changes_nothing(shop: Shop, held: HeldCard) -> None:
    expire_holds(NOON + AN_HOUR)
    before = transactions_of(held)

    assert expire_holds(NOON + 2 * AN_HOUR) == 0
    assert transactions_of(held) == before


def test_hold_that_was_released_is_not_expired_as_well(shop: Shop, held: HeldCard) -> None:
    placed = list_due(NOON + AN_HOUR)[0].id
    assert release(shop.request(), placed).approved

    assert expire_holds(NOON + AN_HOUR) == 0
    assert [kind for kind, *_ in transactions_of(held)] == ["load", "hold", "release"]


def test_release_counts_on_the_business_date_of_the_store(shop: Shop, held: HeldCard) -> None:
    midnight_in_shanghai = NOON + timedelta(hours=12)
    expire_holds(midnight_in_shanghai)

    assert transactions_of(held)[-1][3] == date(2026, 11, 24)


def test_every_due_hold_is_released_in_one_run(shop: Shop, held: HeldCard) -> None:
    others = [shop.card(balance=5_000) for _ in range(3)]
    for other in others:
        hold(shop.request(), other.tap(), Money(100, "CNY"), expires_at=NOON + AN_HOUR)

    assert expire_holds(NOON + AN_HOUR) == 4
    assert [other.row("held") for other in others] == [0, 0, 0]


@pytest.mark.race
def test_runs_at_once_release_a_hold_once(shop: Shop, held: HeldCard) -> None:
    counts = together([lambda: expire_holds(NOON + AN_HOUR)] * 8)  # type: ignore[list-item, return-value]

    assert sorted(str(count) for count in counts) == ["0"] * 7 + ["1"]
    assert [kind for kind, *_ in transactions_of(held)] == ["load", "hold", "release"]
