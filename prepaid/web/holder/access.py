"""Who holds the phone: known by the cookie that its one-time link gave, within a budget.

Knows cookies, budgets and linked phones; must not know what a page shows.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache

from prepaid import budgets
from prepaid.cards.models import Phone
from prepaid.cards.phones import find_phone
from prepaid.stores.models import Store

P = ParamSpec("P")
PhoneView = Callable[Concatenate[HttpRequest, Phone, P], HttpResponse]
View = Callable[Concatenate[HttpRequest, P], HttpResponse]

COOKIE = "phone"
COOKIE_PATH = "/pay/"
# As long as browsers keep any.
COOKIE_AGE_S = 400 * 24 * 3600
LINKS_PER_MINUTE = 10
CALLS_PER_MINUTE = 60
SECRETS_PER_MINUTE = 4


def on_a_phone(view: PhoneView[P]) -> View[P]:
    """Open a view to a linked phone; times read as in the store that issued its card.

    Any other browser is told how a phone is linked, and nothing about a card.
    """

    @login_not_required
    @never_cache
    @wraps(view)
    def opened(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if not budgets.take(f"pay:{address_of(request)}", per_minute=CALLS_PER_MINUTE * 10):
            return too_many(request)
        cookie = request.COOKIES.get(COOKIE, "")
        phone = find_phone(cookie) if cookie else None
        if phone is None:
            return render(request, "holder/unlinked.html", status=401 if request.method == "POST" else 200)
        if not budgets.take(f"pay:{phone.id}", per_minute=CALLS_PER_MINUTE):
            return too_many(request)
        store = store_of(phone)
        with timezone.override(ZoneInfo(store.timezone) if store else None):
            return view(request, phone, *args, **kwargs)

    return opened


def too_many(request: HttpRequest) -> HttpResponse:
    """Answer a call over its budget."""
    response = render(request, "holder/too_many.html", status=429)
    response["Retry-After"] = "60"
    return response


def address_of(request: HttpRequest) -> str:
    """Give the address that the call came from: behind a trusted proxy, the one that it wrote down last."""
    told = str(request.META.get("HTTP_X_FORWARDED_FOR", "")) if settings.SECURE_PROXY_SSL_HEADER else ""
    return told.rpartition(",")[2].strip()[:45] or str(request.META.get("REMOTE_ADDR", ""))


def store_of(phone: Phone) -> Store | None:
    """Find the store that issued the phone's card; a card may have been made without one."""
    card = phone.card
    stores = Store.objects.filter(pk=card.issued_store_id) if card.issued_store_id else Store.objects.none()
    return stores.first() or Store.objects.filter(currency=card.program.currency).order_by("code").first()


def keep_cookie(response: HttpResponse, cookie: str) -> None:
    """Let a browser keep a phone's cookie: for the phone's pages alone, out of reach of their scripts."""
    response.set_cookie(
        COOKIE,
        cookie,
        max_age=COOKIE_AGE_S,
        path=COOKIE_PATH,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
