"""Who works where, and what their role opens.

Knows people and roles; must not know sessions or screens.
"""

from __future__ import annotations

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

from prepaid.stores.errors import NotStaff, TillElsewhere
from prepaid.stores.models import Staff, Till


def find_staff(user: AbstractBaseUser | AnonymousUser) -> Staff | None:
    """Find who a login is, with store, till and the till's terminal; None where they work at no store."""
    if not user.is_authenticated or not user.is_active:
        return None
    people = Staff.objects.select_related("store", "till__terminal", "till__store", "user")
    return people.filter(user_id=user.pk).first()


def staff_of(user: AbstractBaseUser | AnonymousUser) -> Staff:
    """Give who a login is, as find_staff does. Raises NotStaff."""
    staff = find_staff(user)
    if staff is None:
        raise NotStaff
    return staff


def may_open_counter(staff: Staff | None) -> bool:
    """Say whether a person may serve card holders: everyone who works at a store."""
    return staff is not None


def may_open_office(staff: Staff | None) -> bool:
    """Say whether a person may read reports and exceptions: managers."""
    return staff is not None and staff.is_manager


def move_to_till(staff: Staff, till: Till) -> None:
    """Record at which till of their store a person works now. Raises TillElsewhere."""
    if till.store_id != staff.store_id:
        raise TillElsewhere
    Staff.objects.filter(pk=staff.pk).update(till=till)
    staff.till = till
