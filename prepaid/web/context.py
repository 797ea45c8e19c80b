"""What the frame of every page shows: pages, till, person.

Knows roles and addresses; must not know what stands on a page.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from prepaid.stored_value.approvals.listing import count_pending
from prepaid.stores.models import Staff
from prepaid.stores.staff import may_open_counter, may_open_office
from prepaid.web.access import staff_of_request

COUNTER_PAGES = (("counter", _("Counter"), "scan-line"), ("cards", _("Cards"), "credit-card"))
OFFICE = "/office/"
REPORTS = ("reports", _("Reports"), "chart-column")
# A bar of their own under the one at the top, which leads to the first of them.
OFFICE_PAGES = (
    ("approvals", _("Approvals"), "users-round"),
    ("exceptions", _("Exceptions"), "triangle-alert"),
    ("terminals", _("Terminals"), "nfc"),
    ("programs", _("Programs"), "layers"),
    ("offers", _("Offers"), "gift"),
    ("orders", _("Orders"), "package"),
    ("returns", _("Card returns"), "hand-coins"),
)


@dataclass(frozen=True, slots=True)
class Item:
    """A page in the bar at the top."""

    address: str
    name: str | Promise
    icon: str
    # As `aria-current` says it: this page, or true for what it is part of.
    current: Literal["", "page", "true"]
    # How many things wait there.
    waiting: int = 0


def place(request: HttpRequest) -> dict[str, Any]:
    """Give templates `place` (both bars, till, staff, person, initials, idle_lock_s) and `language_next`."""
    staff = staff_of_request(request) if hasattr(request, "user") else None
    back = request.get_full_path() if request.method == "GET" else _address_of_referrer(request)
    if staff is None:
        return {"place": {}, "language_next": back}
    person = staff.user.get_full_name() or staff.user.get_username()
    return {
        "language_next": back,
        "place": _bars(request, staff)
        | {
            "till": staff.till,
            "staff": staff,
            "person": person,
            "initials": "".join(word[0] for word in person.split()[:2]).upper(),
            "idle_lock_s": None if staff.is_manager else settings.IDLE_LOCK_SECONDS,
        },
    }


def _bars(request: HttpRequest, staff: Staff) -> dict[str, list[Item]]:
    """Give the pages of both bars; the second one stands on the pages of the office alone."""
    bars = {"nav": [_item(request, *page) for page in COUNTER_PAGES] if may_open_counter(staff) else []}
    if may_open_office(staff):
        waiting = count_pending(timezone.now())
        office = [_item(request, *page) for page in OFFICE_PAGES]
        office[0] = replace(office[0], waiting=waiting)
        reports = _item(request, *REPORTS)
        inside = request.path.startswith(OFFICE) and not reports.current
        entrance = Item(
            office[0].address, _("Office"), "briefcase-business", "true" if inside else "", waiting
        )
        bars["nav"] += [reports, entrance]
        bars["office_nav"] = office if inside else []
    return bars


def _item(request: HttpRequest, name: str, title: str | Promise, icon: str) -> Item:
    address = reverse(name)
    return Item(address, title, icon, "page" if _is_under(request.path, address) else "")


def _is_under(path: str, address: str) -> bool:
    return path == address or path.startswith(address.rstrip("/") + "/")


def _address_of_referrer(request: HttpRequest) -> str:
    return urlsplit(request.META.get("HTTP_REFERER", "")).path or "/"
