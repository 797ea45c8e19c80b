"""What the frame of every page shows: pages, till, person.

Knows roles and addresses; must not know what stands on a page.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from prepaid.stored_value.approvals.listing import count_pending
from prepaid.stores.models import Staff
from prepaid.stores.staff import may_open_counter, may_open_office
from prepaid.web.access import staff_of_request

COUNTER_PAGES = (("counter", _("Counter"), "scan-line"), ("cards", _("Cards"), "credit-card"))
OFFICE_PAGES = (
    ("reports", _("Reports"), "chart-column"),
    ("offers", _("Offers"), "gift"),
    ("terminals", _("Terminals"), "nfc"),
    ("orders", _("Orders"), "package"),
    ("approvals", _("Approvals"), "users-round"),
    ("returns", _("Card returns"), "hand-coins"),
    ("exceptions", _("Exceptions"), "triangle-alert"),
)


@dataclass(frozen=True, slots=True)
class Item:
    """A page in the bar at the top."""

    address: str
    name: str | Promise
    icon: str
    current: bool
    # How many things wait there.
    waiting: int = 0


def place(request: HttpRequest) -> dict[str, Any]:
    """Give templates `place` (nav, till, staff, person, initials, idle_lock_s) and `language_next`."""
    staff = staff_of_request(request) if hasattr(request, "user") else None
    back = request.get_full_path() if request.method == "GET" else _address_of_referrer(request)
    if staff is None:
        return {"place": {}, "language_next": back}
    person = staff.user.get_full_name() or staff.user.get_username()
    return {
        "language_next": back,
        "place": {
            "nav": _nav(request, staff),
            "till": staff.till,
            "staff": staff,
            "person": person,
            "initials": "".join(word[0] for word in person.split()[:2]).upper(),
            "idle_lock_s": None if staff.is_manager else settings.IDLE_LOCK_SECONDS,
        },
    }


def _nav(request: HttpRequest, staff: Staff) -> list[Item]:
    pages = (COUNTER_PAGES if may_open_counter(staff) else ()) + (
        OFFICE_PAGES if may_open_office(staff) else ()
    )
    items = []
    for name, title, icon in pages:
        try:
            address = reverse(name)
        except NoReverseMatch:
            continue
        waiting = count_pending(timezone.now()) if name == "approvals" else 0
        items.append(Item(address, title, icon, _is_under(request.path, address), waiting))
    return items


def _is_under(path: str, address: str) -> bool:
    return path == address or path.startswith(address.rstrip("/") + "/")


def _address_of_referrer(request: HttpRequest) -> str:
    return urlsplit(request.META.get("HTTP_REFERER", "")).path or "/"
