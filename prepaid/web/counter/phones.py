"""Linking a card holder's phone at the counter: a QR code that is good once, and the phones linked before.

Knows the page; links, cookies and codes are cards/phones.py's.
"""

from __future__ import annotations

from uuid import UUID

import segno
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from prepaid.cards import phones as linked_phones
from prepaid.cards.keys import site_keys
from prepaid.cards.models import Card, Credential
from prepaid.cards.numbers import parse_pin
from prepaid.cards.presentation import Presentation
from prepaid.stored_value.answers import Refused
from prepaid.stored_value.inquire import inquire
from prepaid.stores.models import Tap
from prepaid.web.access import Place, StaffRequest, at_a_till
from prepaid.web.counter.finding import get_card
from prepaid.web.counter.issuing import TAP_AGE_MAX
from prepaid.web.counter.screen import Notice, refusal_of

# A bare UID or a printed code proves nothing of who holds the card.
PROVING_METHODS = ("sun", "token")


@never_cache
@require_http_methods(["GET", "POST"])
@at_a_till
def phones(request: StaffRequest, place: Place, card_id: UUID) -> HttpResponse:
    """List a card's phones; a POST makes a link and shows its QR code once."""
    card = get_card(card_id)
    if card is None:
        raise Http404
    allowed = card.state == "active" and "pay_code" in card.program.allowed_credentials
    code = notice = None
    needs_pin = not _was_tapped(card, place)
    if request.method == "POST" and allowed and needs_pin:
        notice = _refuse_pin(card, place, request.POST.get("pin", ""))
    if request.method == "POST" and allowed and notice is None:
        token = linked_phones.offer_link(card, actor=place.operator, at=timezone.now())
        code = _draw(request.build_absolute_uri(f"{reverse('holder_link')}#{token}"))
    context = {
        "card": card,
        "code": code,
        "allowed": allowed,
        "needs_pin": needs_pin,
        "notice": notice,
        "till": place.till,
        "minutes": int(linked_phones.LINK_VALID.total_seconds() // 60),
        "phones": linked_phones.list_phones(card.id, at=timezone.now()),
    }
    return render(request, "cards/phones.html", context)


@require_POST
@at_a_till
def unlink(request: StaffRequest, place: Place, card_id: UUID, phone_id: UUID) -> HttpResponse:
    """Unlink a phone that was lost or sold, or take an unused link back."""
    if not any(phone.id == phone_id for phone in linked_phones.list_phones(card_id, at=timezone.now())):
        messages.error(request, _("Nothing was changed: this phone was unlinked before."))
    elif linked_phones.unlink(phone_id, actor=place.operator, at=timezone.now()):
        messages.success(request, _("The phone is unlinked. Its pay codes are worth nothing from now on."))
    return redirect("phones", card_id)


def _was_tapped(card: Card, place: Place) -> bool:
    """Say whether the card proved itself a moment ago at the terminal beside this till."""
    if place.till.terminal_id is None:
        return False
    taps = Tap.objects.filter(terminal_id=place.till.terminal_id, card_id=card.id, method__in=PROVING_METHODS)
    return taps.filter(at__gt=timezone.now() - TAP_AGE_MAX).exists()


def _refuse_pin(card: Card, place: Place, typed: str) -> Notice | None:
    """Check the PIN of the card's number, counting a wrong one; None where it is right.

    Without it or a tap, whoever is at the till could link a phone of their own to any card.
    """
    number = Credential.objects.filter(card=card, method=Credential.Method.NUMBER).first()
    if number is None:
        return Notice("bad", _("Nothing was linked: tap the card at the terminal first."))
    keys, lookup = site_keys(), bytes(number.lookup)
    pin_mac = keys.pin_mac(lookup, parse_pin(typed)) if typed else None
    try:
        inquire(place.origin, Presentation("number", lookup=lookup, pin_mac=pin_mac), at=timezone.now())
    except Refused as refused:
        return refusal_of(refused.reason)
    return None


def _draw(address: str) -> SafeString:
    return mark_safe(segno.make(address, error="m", micro=False).svg_inline(omitsize=True, border=2))
