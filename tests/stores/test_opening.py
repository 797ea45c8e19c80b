"""Opening of stores, and who works in them."""

from __future__ import annotations

from datetime import time

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.db import connection

from prepaid.money import UNITS
from prepaid.stores.errors import NotStaff, TillElsewhere
from prepaid.stores.models import Staff, Store, Till
from prepaid.stores.opening import open_store
from prepaid.stores.staff import find_staff, may_open_counter, may_open_office, move_to_till, staff_of

pytestmark = pytest.mark.django_db


def open_riverside() -> Store:
    return open_store(
        "RIVER-T",
        "Riverside",
        name_zh="河畔店",
        currency="CNY",
        day_starts_at=time(4),
        tills=("Counter 1", "Bar"),
    )


def list_general_accounts(store: Store) -> list[tuple[str, str]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "select kind, currency from ledger_general_account where owner_id = %s order by kind", [store.id]
        )
        return list(cursor.fetchall())


def hire(name: str, store: Store, role: str = "cashier") -> Staff:
    user = User.objects.create_user(name)
    return Staff.objects.create(user=user, store=store, code=name, role=role)


def test_store_is_opened_with_tills_and_general_accounts() -> None:
    store = open_riverside()

    assert (store.name, store.name_zh, store.currency, store.day_starts_at) == (
        "Riverside",
        "河畔店",
        "CNY",
        time(4),
    )
    assert [till.name for till in Till.objects.filter(store=store)] == ["Bar", "Counter 1"]
    accounts = list_general_accounts(store)
    assert {kind for kind, _ in accounts} >= {"merchant", "cash", "bank_card", "shortfall"}
    assert {currency for _, currency in accounts} == {"CNY", *UNITS}


def test_store_opened_again_is_the_same_store() -> None:
    first = open_riverside()
    accounts = list_general_accounts(first)

    again = open_store("RIVER-T", "Another name", currency="USD", tills=("Counter 1", "Window"))

    assert (again.id, again.name, again.currency) == (first.id, "Riverside", "CNY")
    assert [till.name for till in Till.objects.filter(store=first)] == ["Bar", "Counter 1", "Window"]
    assert list_general_accounts(first) == accounts


@pytest.mark.parametrize(("role", "office"), [("cashier", False), ("manager", True)])
def test_counter_is_open_to_staff_and_the_office_to_managers(role: str, office: bool) -> None:
    staff = hire("ann", open_riverside(), role)

    assert may_open_counter(staff)
    assert may_open_office(staff) is office


def test_login_that_works_nowhere_opens_nothing() -> None:
    nobody = User.objects.create_user("nobody")

    assert find_staff(nobody) is None
    assert not may_open_counter(None)
    assert not may_open_office(None)
    with pytest.raises(NotStaff):
        staff_of(nobody)


def test_visitor_without_a_login_is_nobody() -> None:
    assert find_staff(AnonymousUser()) is None


def test_person_who_left_is_nobody() -> None:
    staff = hire("bob", open_riverside())
    staff.user.is_active = False

    assert find_staff(staff.user) is None


def test_staff_are_found_by_their_login_with_store_and_till() -> None:
    staff = hire("ann", open_riverside())
    till = Till.objects.get(store=staff.store, name="Bar")
    move_to_till(staff, till)

    found = staff_of(User.objects.get(username="ann"))

    assert (found, found.store.code) == (staff, "RIVER-T")
    assert found.till == till


def test_person_cannot_work_at_a_till_of_another_store() -> None:
    staff = hire("ann", open_riverside())
    elsewhere = open_store("OLD-T", "Old Town", currency="CNY", tills=("Counter 1",))

    with pytest.raises(TillElsewhere):
        move_to_till(staff, elsewhere.tills.get())

    staff.refresh_from_db()
    assert staff.till is None
