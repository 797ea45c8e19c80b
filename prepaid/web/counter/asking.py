"""Asking for what a second person may have to approve: a form, a look at what it would do, and the request.

Knows requests and fragments; who may and what it does is decided by the approvals of stored value.
"""

from __future__ import annotations

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
from django.views.decorators.http import require_http_methods

from prepaid.identifiers import uuid7
from prepaid.ledger.errors import IdReused, TryAgain
from prepaid.money import Money, format_amount
from prepaid.stored_value.approvals.errors import AlreadyAsked, ApprovalError
from prepaid.stored_value.approvals.listing import count_pending_of
from prepaid.stored_value.approvals.payloads import Adjust, LimitChange, Payload, RefundUnlinked, Unblock
from prepaid.stored_value.approvals.service import Asked, ask, foresee
from prepaid.stored_value.lots import sum_lots
from prepaid.web.access import Place, StaffRequest, at_a_till
from prepaid.web.counter.ask_forms import FORMS, AskForm
from prepaid.web.counter.asks import Ask, find_ask
from prepaid.web.counter.screen import OpenCard, open_card
from prepaid.web.counter.words import STATE_NAMES
from prepaid.web.office.outcomes import say_outcome
from prepaid.web.terms import TERM_NAMES, Change, say_term


@never_cache
@require_http_methods(["GET", "POST"])
@at_a_till
def ask_approval(request: StaffRequest, place: Place, card_id: UUID, code: str) -> HttpResponse:
    """Ask for what is needed, show what it would do and whether two are needed, then ask for it."""
    wanted, opened = find_ask(code), open_card(card_id, place)
    if wanted is None or opened is None:
        raise Http404
    if wanted.for_managers and not place.staff.is_manager:
        raise PermissionDenied(_("Only a manager asks for this. Nothing was asked."))
    if request.method == "GET":
        first = FORMS[wanted.code](
            initial={"id": uuid7(), "transaction_id": uuid7()}, place=place, card=opened.card
        )
        return _show(request, place, opened, wanted, first)
    form = FORMS[wanted.code](request.POST, place=place, card=opened.card)
    if not form.is_valid():
        return _show(request, place, opened, wanted, form, status=422)
    payload = payload_of(wanted, opened, form.cleaned_data)
    if request.POST.get("confirmed"):
        return _ask(request, place, opened, wanted, form, payload)
    if not _is_covered(place, opened, payload):
        form.add_error("amount", _("The card holds less of this value."))
        return _show(request, place, opened, wanted, form, status=422)
    if isinstance(payload, LimitChange) and payload.before_minor == payload.after_minor:
        form.add_error("amount", _("This is the limit already."))
        return _show(request, place, opened, wanted, form, status=422)
    changes = list_changes(opened, payload)
    return _show(request, place, opened, wanted, form, changes=changes, payload=payload)


def payload_of(wanted: Ask, opened: OpenCard, asked: dict[str, Any]) -> Payload:
    """Write down what a form asks for."""
    card, currency = opened.card, opened.balance.currency
    amount: Money | None = asked.get("amount")
    if wanted.code == "unblock":
        return Unblock(card_id=card.id, balance_minor=opened.balance.balance_minor, currency=currency)
    if wanted.code == "limit":
        return LimitChange(
            program_id=card.program_id,
            term=asked["term"],
            before_minor=getattr(card.program, asked["term"]),
            after_minor=None if amount is None else amount.amount_minor,
            currency=currency,
        )
    assert amount is not None, "the form read the amount"
    if wanted.code == "refund":
        return RefundUnlinked(card_id=card.id, amount_minor=amount.amount_minor, currency=currency)
    return Adjust(
        card_id=card.id,
        direction=asked["direction"],
        amount_minor=amount.amount_minor,
        currency=currency,
        bonus=asked["lots"] == "bonus",
    )


def list_changes(opened: OpenCard, payload: Payload) -> list[Change]:
    """List what would change, before and after."""
    if isinstance(payload, Unblock):
        return [Change(_("State"), opened.state_name, STATE_NAMES["active"])]
    if isinstance(payload, LimitChange):
        before, after = (
            say_term(payload.term, each, payload.currency)
            for each in (payload.before_minor, payload.after_minor)
        )
        return [Change(TERM_NAMES[payload.term], before, after)]
    assert isinstance(payload, Adjust | RefundUnlinked), "what else is asked for at the counter moves value"
    is_down = isinstance(payload, Adjust) and payload.direction == "down"
    moved = -payload.amount_minor if is_down else payload.amount_minor
    now = opened.balance.balance_minor
    stands, would_stand = (format_amount(Money(each, payload.currency)) for each in (now, now + moved))
    return [Change(_("Balance"), stands, would_stand)]


def _ask(
    request: StaffRequest, place: Place, opened: OpenCard, wanted: Ask, form: AskForm, payload: Payload
) -> HttpResponse:
    asked = form.cleaned_data
    try:
        done = ask(
            payload,
            approval_id=asked["id"],
            transaction_id=asked["transaction_id"],
            staff=place.staff,
            reason=asked["reason"],
            at=timezone.now(),
        )
    except TryAgain:
        form.add_error(
            None,
            _("No answer yet: it is not known whether money moved. Send it again: it is never done twice."),
        )
    except (IdReused, AlreadyAsked):
        form.add_error(None, _("This is asked for already. Nothing was changed."))
    except ApprovalError:
        form.add_error(None, _("Your role may not ask for this. Nothing was changed."))
    else:
        _tell(request, done)
        return redirect(reverse("counter_card", args=[opened.card.id]))
    return _show(request, place, opened, wanted, form, status=422)


def _tell(request: StaffRequest, done: Asked) -> None:
    if done.is_pending:
        messages.success(
            request, _("Asked for. Nothing has changed yet: another manager decides within two days.")
        )
    elif done.is_executed:
        messages.success(request, _("Done, and kept with your name and reason."))
    else:
        messages.error(request, say_outcome(done.approval))


def _is_covered(place: Place, opened: OpenCard, payload: Payload) -> bool:
    if not isinstance(payload, Adjust) or payload.direction == "up":
        return True
    sums = sum_lots(opened.card.account_id, on=place.origin.business_date_at(timezone.now()))
    return payload.amount_minor <= (sums.bonus_minor if payload.bonus else sums.paid_minor)


def _show(
    request: StaffRequest,
    place: Place,
    opened: OpenCard,
    wanted: Ask,
    form: AskForm,
    *,
    changes: list[Change] | None = None,
    payload: Payload | None = None,
    status: int = 200,
) -> HttpResponse:
    page = {
        "open": opened,
        "till": place.till,
        "act": wanted,
        "ask": wanted,
        "form": form,
        "changes": changes,
        "need": None if payload is None else foresee(payload, staff=place.staff),
        "asked": [(name, form[name].value()) for name in form.fields],
        "alone_max": _alone_max(wanted, opened),
        "currency": opened.balance.currency,
        "waiting": count_pending_of(opened.card.id, timezone.now()),
    }
    if request.htmx:
        return render(request, "cards/life_body.html", page)
    return render(request, "cards/life.html", page, status=status)


def _alone_max(wanted: Ask, opened: OpenCard) -> int | None:
    """Give the program's amount for this, to show it before anything is typed."""
    program = opened.card.program
    return {
        "adjust": program.adjust_alone_max,
        "refund": program.refund_unlinked_alone_max,
        "unblock": program.unblock_alone_max,
        "limit": program.limit_change_alone_max,
    }[wanted.code]
