"""The card holder's phone: balance, history, pay code, freezing.

Knows requests and templates; decides nothing about value, and tells nothing without the phone's cookie.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.functional import Promise
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from prepaid import budgets
from prepaid.cards import phones
from prepaid.cards.errors import ChangeRefused
from prepaid.cards.lifecycle import change_state
from prepaid.cards.models import Phone
from prepaid.cards.presentation import at_the_desk
from prepaid.stored_value.history import HistoryLine, list_history
from prepaid.stored_value.inquire import inquire
from prepaid.stored_value.requests import Origin
from prepaid.stores.models import Store
from prepaid.web.counter.words import TYPE_NAMES
from prepaid.web.holder.access import (
    COOKIE,
    COOKIE_PATH,
    LINKS_PER_MINUTE,
    SECRETS_PER_MINUTE,
    address_of,
    keep_cookie,
    on_a_phone,
    store_of,
    too_many,
)

HISTORY_MAX = 50
HOLDER = "holder"


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the history. `signed_minor` is what it did to the balance."""

    name: str | Promise
    at: datetime
    store: Store | None
    signed_minor: int
    undone: bool

    @property
    def tone(self) -> str:
        """Give the colour that the amount is shown in."""
        return "in" if self.signed_minor > 0 else "out"


@require_safe
@on_a_phone
def pay(request: HttpRequest, phone: Phone) -> HttpResponse:
    """Show balance and pay code; the code itself is made on the phone."""
    page = _page(phone)
    allowed = "pay_code" in phone.card.program.allowed_credentials
    more = {
        "may_pay": allowed and page["balance"].state == "active",
        "allowed": allowed,
        # The window that was spent last: its code is not shown as good any more.
        "spent": phone.credential.counter if phone.credential else -1,
    }
    return render(request, "holder/pay.html", page | more)


@require_safe
@on_a_phone
def history(request: HttpRequest, phone: Phone) -> HttpResponse:
    """List what was topped up and spent, newest first."""
    lines = list_history(phone.card.account_id, limit=HISTORY_MAX)
    stores = Store.objects.in_bulk({line.store_id for line in lines})
    rows = [_line(line, stores.get(line.store_id)) for line in lines]
    return render(request, "holder/history.html", _page(phone) | {"rows": rows})


@require_http_methods(["GET", "HEAD", "POST"])
@on_a_phone
def freeze(request: HttpRequest, phone: Phone) -> HttpResponse:
    """Block the card at the holder's wish; to let it run again is the counter's decision."""
    if request.method == "POST":
        try:
            reason = "Frozen by the holder on their phone."
            change_state(phone.card_id, "block", actor=HOLDER, at=timezone.now(), reason=reason)
        except ChangeRefused:
            # It is stopped already, which is what was asked for.
            pass
        return redirect("holder_freeze")
    return render(request, "holder/freeze.html", _page(phone))


@login_not_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def link(request: HttpRequest) -> HttpResponse:
    """Link this phone. The token stands behind the address's #, which no server or log ever sees."""
    if request.method != "POST":
        return render(request, "holder/link.html")
    if not budgets.take(f"link:{address_of(request)}", per_minute=LINKS_PER_MINUTE):
        return too_many(request)
    try:
        cookie = phones.link(request.POST.get("token", ""), at=timezone.now())
    except phones.LinkRefused:
        return render(request, "holder/link.html", {"refused": True}, status=403)
    response = redirect("holder_pay")
    keep_cookie(response, cookie)
    return response


@require_POST
@on_a_phone
def secret(request: HttpRequest, phone: Phone) -> HttpResponse:
    """Give this phone a new number and secret for its codes; asked for when it has none."""
    if not budgets.take(f"pay_secret:{phone.id}", per_minute=SECRETS_PER_MINUTE):
        return too_many(request)
    given = phones.give_secret(phone.id)
    if given is None:
        return JsonResponse({}, status=401)
    return JsonResponse({"number": given.number, "secret": given.secret.hex()})


@require_POST
@on_a_phone
def unlink(request: HttpRequest, phone: Phone) -> HttpResponse:
    """Forget this phone; the card itself stays as it is."""
    phones.unlink(phone.id, actor=HOLDER, at=timezone.now())
    response = redirect("holder_pay")
    response.delete_cookie(COOKIE, path=COOKIE_PATH)
    return response


@login_not_required
@require_safe
def worker(request: HttpRequest) -> HttpResponse:
    """Give the worker that shows the phone's pages without a connection."""
    return render(request, "holder/worker.js", content_type="text/javascript")


@login_not_required
@require_safe
def manifest(request: HttpRequest) -> HttpResponse:
    """Describe the pages as something that can stand on a phone's home screen."""
    return render(request, "holder/app.webmanifest", content_type="application/manifest+json")


def _page(phone: Phone) -> dict[str, Any]:
    """Give what every page shows of the card. Minor units."""
    at, store = timezone.now(), store_of(phone)
    return {
        "phone": phone,
        "card": phone.card,
        "store": store,
        "balance": inquire(_origin(phone, store), at_the_desk(phone.card_id), at=at),
        "at": at,
    }


def _origin(phone: Phone, store: Store | None) -> Origin:
    """Name who asks: the phone itself, on the business date of the store that issued its card."""
    return Origin(
        id=phone.id,
        kind="till",
        store_id=store.id if store else phone.id,
        currency=phone.card.program.currency,
        timezone=store.timezone if store else "UTC",
        day_starts_at=store.day_starts_at if store else time.min,
    )


def _line(line: HistoryLine, store: Store | None) -> Line:
    return Line(
        name=TYPE_NAMES.get((line.type, line.undoes), line.type),
        at=line.occurred_at,
        store=store,
        signed_minor=line.signed_minor,
        undone=line.undone,
    )
