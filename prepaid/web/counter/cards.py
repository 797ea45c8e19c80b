"""The list of cards, and the changes of a card's state that staff may ask for.

Knows roles; the table of states decides what is possible (cards/lifecycle.py).
"""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from prepaid.cards.errors import CardNotFound, ChangeRefused
from prepaid.cards.lifecycle import Change, change_state
from prepaid.ledger.models import LedgerAccount
from prepaid.web.access import Place, StaffRequest, at_a_till
from prepaid.web.counter.commands import list_sought
from prepaid.web.counter.finding import find_card, search_cards
from prepaid.web.counter.words import STATE_NAMES, STATE_TONES

CARDS_PER_PAGE = 25
# Anybody may stop a card; to let it run again is a manager's decision. Unblocking is asked for (asking.py).
CHANGES_OF_MANAGERS: tuple[Change, ...] = ("recover",)
CHANGES_OF_STAFF: tuple[Change, ...] = ("block", "report_lost")


@never_cache
@require_GET
@at_a_till
def cards(request: StaffRequest, place: Place) -> HttpResponse:
    """List cards by last four digits or holder; a whole number opens its card at the counter."""
    text = request.GET.get("q", "").strip()
    found = find_card(list_sought(text)) if text else None
    if found is not None:
        return redirect("counter_card", found[0].id)
    page = Paginator(search_cards(text), CARDS_PER_PAGE).get_page(request.GET.get("page"))
    listed = list(page.object_list)
    accounts = LedgerAccount.objects.in_bulk([card.account_id for card in listed])
    today = place.origin.business_date_at(timezone.now())
    rows = []
    for card in listed:
        state = (
            "expired"
            if card.state == "active" and card.expires_on and card.expires_on < today
            else card.state
        )
        rows.append((card, accounts.get(card.account_id), STATE_NAMES[state], STATE_TONES.get(state, "bad")))
    keep = urlencode({"q": text}) + "&" if text else ""
    return render(request, "cards/cards.html", {"rows": rows, "page": page, "q": text, "keep": keep})


@require_POST
@at_a_till
def change(request: StaffRequest, place: Place, card_id: UUID) -> HttpResponse:
    """Block a card, report it lost or recover it, with a reason."""
    wanted = _change_of(request.POST.get("change", ""))
    reason = request.POST.get("reason", "").strip()[:200]
    if wanted is None:
        raise Http404
    if wanted in CHANGES_OF_MANAGERS and not place.staff.is_manager:
        raise PermissionDenied(_("Only a manager lets a stopped card run again."))
    if not reason:
        messages.error(request, _("Nothing was changed: write a reason."))
        return redirect("counter_card", card_id)
    try:
        change_state(card_id, wanted, actor=place.operator, at=timezone.now(), reason=reason)
    except CardNotFound as error:
        raise Http404 from error
    except ChangeRefused:
        messages.error(request, _("Nothing was changed: somebody else changed this card before."))
        return redirect("counter_card", card_id)
    done = {
        "block": _("The card is blocked. It takes no money until a manager unblocks it."),
        "report_lost": _("The card is reported lost. Its value stays on the account."),
        "recover": _("The card was found and is active again."),
    }
    messages.success(request, done[wanted])
    return redirect("counter_card", card_id)


def _change_of(asked: str) -> Change | None:
    return next((change for change in CHANGES_OF_STAFF + CHANGES_OF_MANAGERS if change == asked), None)
