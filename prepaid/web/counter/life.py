"""The card drawer: what staff can do with an open card, a form for each act, and the slips.

Knows requests, roles and fragments; the acts are made by cards and stored value. Each address is a whole page
as well, for a browser without scripts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from prepaid.cards.errors import CardNotFound, ChangeRefused, NoPin
from prepaid.cards.models import Card
from prepaid.cards.numbers import grouped
from prepaid.cards.pins import NewSecrets, set_pin
from prepaid.cards.reassign import reassign
from prepaid.cards.rules.in_force import RuleRefused
from prepaid.identifiers import uuid7
from prepaid.ledger.errors import IdReused, TryAgain
from prepaid.stored_value.approvals.errors import AlreadyAsked
from prepaid.stored_value.approvals.listing import count_pending_of
from prepaid.stored_value.approvals.payloads import CardReturn
from prepaid.stored_value.approvals.service import ask, foresee
from prepaid.stored_value.issue import AlreadyBound
from prepaid.stored_value.replace import exchange, replace
from prepaid.web.access import Place, StaffRequest, at_a_till
from prepaid.web.counter.acts import Act, find_act, list_acts
from prepaid.web.counter.asks import list_asks
from prepaid.web.counter.issuing import draw_code, find_new_tap
from prepaid.web.counter.life_forms import FORMS, LifeForm
from prepaid.web.counter.life_posting import (
    Look,
    Sum,
    look,
    posting_of,
    request_of,
    return_of,
    take_amounts,
)
from prepaid.web.counter.screen import OpenCard, explain, open_card
from prepaid.web.counter.stream import last_tap_id
from prepaid.web.counter.words import DESTINATION_NAMES
from prepaid.web.named import told_of

MOVES_VALUE = ("move", "merge", "reactivate", "cash-out", "close")


@dataclass(frozen=True, slots=True, kw_only=True)
class Slip:
    """What is printed after an act, this once; `card` is the one that works from now on."""

    act: Act
    card: Card
    number: str | None = None
    pin: str | None = None
    qr: str | None = None
    replaces: Card | None = None
    reactivated: bool = False

    @property
    def tells(self) -> bool:
        """Say whether there is anything to print: a repeat tells no secrets."""
        return bool(self.number or self.pin or self.qr)


@never_cache
@require_GET
@at_a_till
def card_life(request: StaffRequest, place: Place, card_id: UUID) -> HttpResponse:
    """List what can be done with a card."""
    opened = _open(card_id, place)
    shown = {
        "acts": list_acts(opened.card, opened.balance),
        "asks": list_asks(opened.balance),
        "waiting": count_pending_of(card_id, timezone.now()),
    }
    return _show(request, place, opened, shown)


@never_cache
@require_http_methods(["GET", "POST"])
@at_a_till
def change_life(request: StaffRequest, place: Place, card_id: UUID, code: str) -> HttpResponse:
    """Ask for what an act needs, show what it would do where value moves, and do it."""
    act = find_act(code)
    if act is None:
        raise Http404
    if act.for_managers and not place.staff.is_manager:
        raise PermissionDenied(_("Only a manager does this. Nothing was changed."))
    opened = _open(card_id, place)
    if request.method == "GET":
        form = FORMS[act.code](initial=_initial(request, place), place=place, card=opened.card)
        return _show(request, place, opened, {"act": act, "form": form})
    form = FORMS[act.code](request.POST, place=place, card=opened.card)
    if not form.is_valid():
        return _show(request, place, opened, {"act": act, "form": form}, status=422)
    if act.code in MOVES_VALUE:
        return _post(request, place, opened, act, form)
    try:
        slip = _change(place, opened.card, act, form.cleaned_data)
    except (ChangeRefused, CardNotFound):
        form.add_error(None, _("Nothing was changed: the card's state does not allow it any more."))
    except RuleRefused as refused:
        forbids = _("Nothing was changed: a rule stands against it.")
        form.add_error(None, f"{forbids} {told_of(refused.rule)}")
    except NoPin:
        form.add_error(None, _("Nothing was changed: this card has no number and so no PIN."))
    except AlreadyBound:
        form.add_error(None, _("This NFC card belongs to another card already. Nothing was changed."))
    except (TryAgain, IdReused):
        form.add_error(
            None, _("No answer yet. Open the card again and read its history before you repeat it.")
        )
    else:
        return render(request, "cards/life_slip.html", _slip_context(place, slip))
    return _show(request, place, opened, {"act": act, "form": form}, status=422)


def _change(place: Place, card: Card, act: Act, asked: dict[str, Any]) -> Slip:
    """Make an act that moves no value."""
    made: dict[str, Any] = {"actor": place.operator, "at": timezone.now(), "reason": asked["reason"]}
    if act.code in ("replace", "exchange"):
        change = replace if act.code == "replace" else exchange
        tap = asked["tap"] if asked["medium"] == "nfc" else None
        # The reactivation has the new card's id, so that both are repeated as one.
        request = request_of(place, asked["id"], [act.code, card.id])
        successor = change(request, card.id, new_card_id=asked["id"], reason=asked["reason"], tap=tap)
        issued = successor.issued
        return Slip(
            act=act,
            card=issued.card,
            number=grouped(issued.number) if issued.number else None,
            pin=issued.pin,
            qr=issued.qr,
            replaces=card,
            reactivated=successor.reactivated is not None and successor.reactivated.hash is not None,
        )
    secrets: NewSecrets
    if act.code == "new-pin":
        secrets = set_pin(card.id, event_id=asked["id"], **made)
    else:
        name, phone = asked["holder_name"].strip(), asked["holder_phone"].strip()
        secrets = reassign(card.id, event_id=asked["id"], holder_name=name, holder_phone=phone, **made)
    return Slip(act=act, card=secrets.card, pin=secrets.pin, qr=secrets.qr)


def _post(request: StaffRequest, place: Place, opened: OpenCard, act: Act, form: LifeForm) -> HttpResponse:
    """Show what an act would do, or with the person's confirmation do it."""
    asked = form.cleaned_data
    context: dict[str, Any] = {"act": act, "form": form}
    confirmed = bool(request.POST.get("confirmed"))
    if act.code == "close" and not confirmed:
        take_amounts(place, opened.card, asked)
    if act.code == "close":
        payload = return_of(opened.card, asked)
        if foresee(payload, staff=place.staff).second_needed:
            return _ask_second(request, place, opened, act, form, payload)
    try:
        if confirmed:
            answer = posting_of(act.code, place, opened.card, asked)()
            if answer.approved:
                done = f"{reverse('counter_card', args=[opened.card.id])}?done={answer.id}"
                return redirect(done)
            why = answer.why
            _begin_again(form)
        else:
            seen = look(act.code, place, opened.card, asked)
            if seen.refused is None:
                context |= {"look": seen, "asked": _carried(form, asked)}
                return _show(request, place, opened, context)
            why = seen.refused
    except TryAgain:
        form.add_error(
            None,
            _("No answer yet: it is not known whether money moved. Send it again: it is never done twice."),
        )
    except IdReused:
        _begin_again(form)
        form.add_error(
            None, _("This page was used for something else before. No money was moved; begin again.")
        )
    else:
        notice = explain(why)
        form.add_error(None, f"{notice.title} {notice.text}".strip())
    return _show(request, place, opened, context, status=422)


def _ask_second(
    request: StaffRequest, place: Place, opened: OpenCard, act: Act, form: LifeForm, payload: CardReturn
) -> HttpResponse:
    """Show that a card return needs a second person, or with the person's confirmation ask for it."""
    asked, context = form.cleaned_data, {"act": act, "form": form}
    if not request.POST.get("confirmed"):
        sums = [
            Sum(DESTINATION_NAMES[payload.tender], payload.paid_minor),
            Sum(DESTINATION_NAMES["promotion"], payload.forfeited_bonus_minor),
        ]
        seen = Look(sums=[each for each in sums if each.amount_minor], refused=None, second_needed=True)
        return _show(request, place, opened, context | {"look": seen, "asked": _carried(form, asked)})
    try:
        ask(
            payload,
            approval_id=asked["id"],
            transaction_id=asked["id"],
            staff=place.staff,
            reason=asked["reason"],
            at=timezone.now(),
        )
    except (AlreadyAsked, IdReused):
        form.add_error(None, _("This is asked for already. Nothing was changed."))
    except TryAgain:
        form.add_error(None, _("No answer yet. Send it again: it is never done twice."))
    else:
        messages.success(
            request, _("Asked for. Nothing has changed yet: another manager decides within two days.")
        )
        return redirect("counter_card", opened.card.id)
    return _show(request, place, opened, context, status=422)


def _carried(form: LifeForm, asked: dict[str, Any]) -> list[tuple[str, Any]]:
    """List what the confirming form carries back: what was asked, as it was read."""
    read: dict[str, Any] = {name: asked[name] for name in ("paid_minor", "bonus_minor") if name in asked}
    if asked.get("target") is not None:
        read["to_card"] = asked["target"].id
    as_sent = {name: form[name].value() for name in form.fields if name not in ("to", "to_card")}
    return list((as_sent | read).items())


def _begin_again(form: LifeForm) -> None:
    """Give a form a new id: under the old one an answer is stored."""
    form.data = {**form.data.dict(), "id": str(uuid7())}  # type: ignore[attr-defined]


def _initial(request: StaffRequest, place: Place) -> dict[str, Any]:
    tap_id = request.GET.get("tap", "")
    tap = find_new_tap(int(tap_id), place) if tap_id.isdecimal() else None
    return {"id": uuid7(), "medium": "nfc" if tap else "printed", "tap": tap.id if tap else None}


def _open(card_id: UUID, place: Place) -> OpenCard:
    opened = open_card(card_id, place)
    if opened is None:
        raise Http404
    return opened


def _show(
    request: StaffRequest, place: Place, opened: OpenCard, context: dict[str, Any], *, status: int = 200
) -> HttpResponse:
    form: LifeForm | None = context.get("form")
    page = {
        "open": opened,
        "till": place.till,
        "after": last_tap_id(place),
        "medium": form["medium"].value() if form is not None and "medium" in form.fields else None,
    }
    if request.htmx:
        # A refusal is an answer to the drawer, not a fault of the site.
        return render(request, "cards/life_body.html", page | context)
    return render(request, "cards/life.html", page | context, status=status)


def _slip_context(place: Place, slip: Slip) -> dict[str, Any]:
    return {
        "slip": slip,
        "code": draw_code(slip.qr) if slip.qr else None,
        "at": timezone.now(),
        "till": place.till,
    }
