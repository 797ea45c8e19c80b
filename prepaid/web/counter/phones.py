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
from prepaid.web.access import Place, StaffRequest, at_a_till
from prepaid.web.counter.finding import get_card


@never_cache
@require_http_methods(["GET", "POST"])
@at_a_till
def phones(request: StaffRequest, place: Place, card_id: UUID) -> HttpResponse:
    """List a card's phones; a POST makes a link and shows its QR code once."""
    card = get_card(card_id)
    if card is None:
        raise Http404
    allowed = card.state == "active" and "pay_code" in card.program.allowed_credentials
    code = None
    if request.method == "POST" and allowed:
        token = linked_phones.offer_link(card, actor=place.operator, at=timezone.now())
        code = _draw(request.build_absolute_uri(f"{reverse('holder_link')}#{token}"))
    context = {
        "card": card,
        "code": code,
        "allowed": allowed,
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


def _draw(address: str) -> SafeString:
    return mark_safe(segno.make(address, error="m", micro=False).svg_inline(omitsize=True, border=2))
