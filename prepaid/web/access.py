"""Who may open a page, and where they work.

Knows logins, roles and tills; must not know what a page does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Concatenate, ParamSpec
from urllib.parse import urlencode

from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

from prepaid.stored_value.requests import Origin, origin_of_till
from prepaid.stores.models import Staff, Store, Till
from prepaid.stores.staff import find_staff, may_open_counter, may_open_office

P = ParamSpec("P")


class StaffRequest(HttpRequest):
    """A request as views see it, after the middleware."""

    htmx: HtmxDetails
    staff: Staff | None


@dataclass(frozen=True, slots=True)
class Place:
    """A person at a till."""

    staff: Staff
    till: Till

    @property
    def store(self) -> Store:
        """Give the store that the till stands in."""
        return self.staff.store

    @property
    def origin(self) -> Origin:
        """Give the till as the origin of its transactions."""
        return origin_of_till(self.till)

    @property
    def operator(self) -> str:
        """Give the code that stands on receipts."""
        return self.staff.code


CounterView = Callable[Concatenate[StaffRequest, Place, P], HttpResponseBase]
OfficeView = Callable[Concatenate[StaffRequest, Staff, P], HttpResponseBase]
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


class LoginMiddleware(LoginRequiredMiddleware):
    """Ask for a login on every page that does not say otherwise; a fragment sends the whole page there."""

    def handle_no_permission(  # type: ignore[override]
        self, request: HttpRequest, view_func: Callable[..., HttpResponseBase]
    ) -> HttpResponse:
        """Redirect to the login page, from a fragment by way of htmx."""
        details: HtmxDetails | None = getattr(request, "htmx", None)
        if not details:
            return super().handle_no_permission(request, view_func)
        back = urlencode({"next": details.current_url_abs_path or "/"})
        return HttpResponseClientRedirect(f"{reverse('login')}?{back}")


def staff_of_request(request: HttpRequest) -> Staff | None:
    """Find who asks, once a request."""
    if not hasattr(request, "staff"):
        request.staff = find_staff(request.user)  # type: ignore[attr-defined]
    return request.staff  # type: ignore[attr-defined,no-any-return]


def at_a_till(view: CounterView[P]) -> View[P]:
    """Open a view to staff who said where they work; times read as in their store."""

    @wraps(view)
    def opened(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        staff = staff_of_request(request)
        if staff is None or not may_open_counter(staff):
            raise PermissionDenied(_("This login belongs to nobody who works at a store. Ask a manager."))
        if staff.till is None:
            return redirect(f"{reverse('till')}?{urlencode({'next': request.get_full_path()})}")
        with timezone.override(staff.store.timezone):
            return view(request, Place(staff, staff.till), *args, **kwargs)  # type: ignore[arg-type]

    return opened


def in_the_office(view: OfficeView[P]) -> View[P]:
    """Open a view to managers; times read as in their store."""

    @wraps(view)
    def opened(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        staff = staff_of_request(request)
        if staff is None or not may_open_office(staff):
            raise PermissionDenied(_("This page is for managers."))
        with timezone.override(staff.store.timezone):
            return view(request, staff, *args, **kwargs)  # type: ignore[arg-type]

    return opened
