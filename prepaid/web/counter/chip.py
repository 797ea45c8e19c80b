"""A blank chip that becomes a card: the terminal of the till awaits it, the page tells how far it is.

Knows the page and its words; what a blank is told, and which card may get one, is cards/personalise.py's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods
from django_htmx.http import HttpResponseClientRedirect

from prepaid.cards.errors import AlreadyPersonalised, CardUnusable
from prepaid.cards.models import Card, Personalisation
from prepaid.cards.personalise import STEPS, await_blank
from prepaid.stores.fleet import SILENT_AFTER
from prepaid.web.access import Place, StaffRequest, at_a_till
from prepaid.web.counter.finding import get_card
from prepaid.web.counter.screen import Notice

# A chip answers each call within a fraction of this, so that it was taken away.
TORN_AFTER = timedelta(seconds=3)
State = Literal["waiting", "writing", "torn", "foreign", "over", "done"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a card's chip is; `is_open` while a terminal awaits it."""

    state: State
    step: int = 0
    steps: int = 0
    fault: str = ""

    @property
    def told(self) -> str:
        """Give what tells one look from another, so that nothing is drawn anew without a change."""
        return f"{self.state}-{self.step}"

    @property
    def is_open(self) -> bool:
        """Say whether the page has to look again."""
        return self.state not in ("done", "over")


@never_cache
@require_http_methods(["GET", "POST"])
@at_a_till
def chip(request: StaffRequest, place: Place, card_id: UUID) -> HttpResponse:
    """Show how far a card's chip is; a POST lets the next blank on the terminal's reader become it."""
    card = get_card(card_id)
    if card is None:
        raise Http404
    if request.method == "POST":
        refusal = await_chip(card, place)
        if refusal is None:
            return redirect("card_chip", card_id)
        return render(request, "cards/chip.html", {"card": card, "notice": refusal}, status=422)
    context = chip_context(card, place)
    if not request.htmx:
        return render(request, "cards/chip.html", context)
    progress: Progress = context["chip"]
    if progress.state == "done" and request.htmx.current_url_abs_path == request.path:
        # Where no secrets are shown beside it, the card opens by itself.
        return HttpResponseClientRedirect(reverse("counter_card", args=[card_id]))
    if progress.told == request.GET.get("told"):
        return HttpResponse(status=204)
    return render(request, "cards/chip_told.html", context)


def await_chip(card: Card, place: Place) -> Notice | None:
    """Let the next blank at the till's terminal become a card; why it may not, where it may not."""
    terminal = place.till.terminal
    if terminal is None:
        return Notice("bad", _("This till has no terminal, and so no reader."), _("Nothing was changed."))
    try:
        await_blank(
            card.id,
            terminal_id=terminal.id,
            store_id=place.store.id,
            actor=place.operator,
            at=timezone.now(),
        )
    except AlreadyPersonalised:
        return Notice("bad", _("This card has its chip already."), _("Nothing was changed."))
    except CardUnusable as refused:
        if refused.reason == "type_not_allowed":
            return Notice("bad", _("Cards of this program have no chip."), _("Nothing was changed."))
        text = _("A card gets its chip on the day and in the store where it is issued. Nothing was changed.")
        return Notice("bad", _("This card can get no chip now."), text)
    return None


def chip_context(card: Card, place: Place) -> dict[str, Any]:
    """Give what templates/cards/chip_told.html shows."""
    terminal, now = place.till.terminal, timezone.now()
    seen_at = None if terminal is None else terminal.last_seen_at
    return {
        "card": card,
        "chip": find_progress(card.id),
        "terminal": terminal,
        "is_silent": seen_at is None or now - seen_at > SILENT_AFTER,
    }


def find_progress(card_id: UUID) -> Progress:
    """Tell how far a card's chip is."""
    intent, now = Personalisation.objects.filter(card_id=card_id).first(), timezone.now()
    if intent is None:
        return Progress(state="over")
    steps = STEPS.get(intent.technology, max(STEPS.values()))
    step = min(intent.step, steps)
    if intent.state == Personalisation.State.DONE:
        return Progress(state="done", step=steps, steps=steps)
    if intent.awaited_until is None or intent.awaited_until <= now:
        return Progress(state="over")
    if intent.fault:
        state: State = "foreign"
    elif intent.step_at is None:
        state = "waiting"
    else:
        state = "torn" if now - intent.step_at > TORN_AFTER else "writing"
    return Progress(state=state, step=step, steps=steps, fault=intent.fault)
