"""The counter: one screen, one command box.

Knows requests and fragments; decides nothing about value, which the functions of stored value do.
"""

from __future__ import annotations

from typing import get_args
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from prepaid.ledger.errors import IdReused, TryAgain
from prepaid.ledger.models import LedgerAnswer
from prepaid.money import Money, format_amount
from prepaid.web.access import Place, StaffRequest, at_a_till
from prepaid.web.counter import finding
from prepaid.web.counter.actions import (
    OF_A_PART,
    OF_AN_ORIGINAL,
    Action,
    Kind,
    arm,
    commit,
    foresee,
    is_possible,
    read_action,
)
from prepaid.web.counter.commands import Typed, list_sought, read_amount
from prepaid.web.counter.receipts import receipt_of
from prepaid.web.counter.rows import list_recent
from prepaid.web.counter.screen import (
    Mode,
    Notice,
    Screen,
    explain,
    notice_of,
    open_card,
    refusal_of,
    tell_done,
)
from prepaid.web.counter.stream import last_tap_id

KIND_OF_SIGN: dict[str, Mode] = {"+": "load", "-": "redeem", "/": "hold"}
MODES: tuple[Mode, ...] = get_args(Mode)


@never_cache
@require_GET
@at_a_till
def counter(request: StaffRequest, place: Place, card_id: UUID | None = None) -> HttpResponse:
    """Show the counter, with a card or without."""
    screen = Screen(place=place, mode=_mode_of(request))
    if card_id is not None:
        screen.open = open_card(card_id, place)
        if screen.open is None:
            screen.notice = Notice("bad", _("There is no such card."))
        else:
            tell_done(screen, _uuid(request.GET.get("done")))
    return _show(request, screen)


@never_cache
@at_a_till
def command(request: StaffRequest, place: Place) -> HttpResponse:
    """Do what the command box asks: open a card, arm an action, or commit the armed one."""
    if request.method != "POST":
        return redirect("counter")
    screen = Screen(place=place, mode=_mode_of(request))
    text = request.POST.get("q", "").strip()
    switch_to = _uuid(request.POST.get("switch"))
    card_id = _uuid(request.POST.get("card"))
    if switch_to is not None:
        return _open(request, screen, switch_to)
    if card_id is not None:
        screen.open = open_card(card_id, place)
    if request.POST.get("refresh"):
        _arm_again(screen, read_action(request.POST, currency=screen.currency))
    elif chosen := _chosen(request):
        _arm_original(screen, *chosen, wanted=request.POST.get("wanted", ""))
    elif not text:
        action = read_action(request.POST, currency=screen.currency)
        if action is not None and action.original is None and action.kind != screen.mode:
            # The other way was chosen after arming: what is armed is never made under another name.
            _arm(screen, arm(screen.mode, action.card_id, action.money), "")
        elif action is not None:
            _commit(screen, action)
    else:
        return _obey(request, screen, text)
    return _show(request, screen)


def _obey(request: StaffRequest, screen: Screen, text: str) -> HttpResponse:
    amount = read_amount(text, screen.currency)
    armed = read_action(request.POST, currency=screen.currency)
    if amount is not None and (amount.sign or screen.open is not None):
        _arm_amount(screen, amount, text, armed)
        return _show(request, screen)
    found = finding.find_card(list_sought(text))
    if found is None:
        screen.typed = text
        screen.notice = _not_found(screen, text)
        return _show(request, screen)
    card, sought = found
    here = screen.open is not None and screen.open.card.id == card.id
    if screen.open is not None and not here and (armed is not None or sought.is_tail):
        # What was typed or armed is not thrown away without a word: the next Enter switches, Esc stays.
        screen.switch = card
        _arm_again(screen, armed)
        return _show(request, screen)
    return _open(request, screen, card.id)


def _open(request: StaffRequest, screen: Screen, card_id: UUID) -> HttpResponse:
    if not request.htmx:
        return redirect("counter_card", card_id)
    screen.open = open_card(card_id, screen.place)
    screen.armed = None
    if screen.open is None:
        screen.notice = Notice("bad", _("There is no such card."))
    return _show(request, screen)


def _arm_amount(screen: Screen, amount: Typed, text: str, armed: Action | None) -> None:
    if amount.sign in KIND_OF_SIGN:
        screen.mode = KIND_OF_SIGN[amount.sign]
    if screen.open is None:
        screen.typed = text
        screen.notice = Notice(
            "warn", _("Open a card first."), _("Tap, scan or type a card, then the amount.")
        )
    elif amount.money is None:
        screen.typed = text
        screen.notice = Notice(
            "bad",
            _("This is not an amount."),
            _("This card counts whole units: type digits alone, such as 1.")
            if screen.is_in_units
            else _("Type digits with at most two after the point, such as 36.50."),
        )
    elif armed and armed.kind in OF_A_PART and amount.sign in ("", "*" if armed.kind == "refund" else ""):
        # Another amount for what was chosen.
        _arm(screen, arm(armed.kind, screen.open.card.id, amount.money, original=armed.original), text)
    elif amount.sign == "*":
        # The lines of the history carry the amount from here.
        screen.wanted_minor = amount.money.amount_minor
        screen.notice = Notice(
            "warn",
            _("Choose the purchase to refund %(amount)s of.") % {"amount": format_amount(amount.money)},
            _("Press Refund on its line in the history."),
        )
    else:
        _arm(screen, arm(screen.mode, screen.open.card.id, amount.money), text)


def _arm_original(screen: Screen, kind: Kind, original: UUID, *, wanted: str) -> None:
    answer = LedgerAnswer.objects.filter(pk=original, outcome="approved").first()
    if (
        screen.open is None
        or answer is None
        or answer.account_id != screen.open.card.account_id
        or not answer.currency
    ):
        screen.notice = refusal_of("original_unknown")
        return
    amount_minor = answer.approved_amount
    if kind == "refund":
        rows = (row.refundable_minor for row in screen.open.rows if row.id == original)
        amount_minor = int(wanted) if wanted.isdecimal() else next(rows, 0) or amount_minor
    if not is_possible(kind, amount_minor):
        screen.notice = refusal_of("amount_over_original")
        return
    money = Money(amount_minor, answer.currency)
    _arm(screen, arm(kind, screen.open.card.id, money, original=original), "")


def _arm_again(screen: Screen, action: Action | None) -> None:
    if action is not None and screen.open is not None and action.card_id == screen.open.card.id:
        screen.armed = action
        screen.foreseen = foresee(action, screen.place)


def _arm(screen: Screen, action: Action, text: str) -> None:
    try:
        foreseen = foresee(action, screen.place)
    except TryAgain:
        screen.typed = text
        screen.notice = _busy()
        return
    if foreseen.reason is not None:
        screen.typed = text
        screen.notice = explain(foreseen.why)
        return
    screen.armed = action
    screen.foreseen = foreseen


def _commit(screen: Screen, action: Action) -> None:
    _set_mode(screen, action.kind)
    try:
        answer = commit(action, screen.place)
    except TryAgain:
        screen.armed = action
        screen.notice = Notice(
            "warn",
            _("No answer yet: it is not known whether money moved."),
            _("Press Enter again: the same action is never done twice."),
        )
        return
    except IdReused:
        screen.notice = Notice(
            "bad", _("This page was used for something else before."), _("No money was moved; begin again.")
        )
        return
    screen.notice = notice_of(answer, action)
    screen.done = answer if answer.approved else None
    # What a card did that was replaced since is voided on the card that took its place.
    screen.open = open_card(action.card_id, screen.place)


def _set_mode(screen: Screen, kind: Kind) -> None:
    if kind in MODES:
        screen.mode = kind


def _show(request: StaffRequest, screen: Screen) -> HttpResponse:
    if screen.open is None:
        screen.recent = list_recent(screen.place)
    elif screen.done is not None:
        screen.receipt = receipt_of(screen.done.id)
    template = "counter/answer.html" if request.htmx else "counter/counter.html"
    context = {
        "screen": screen,
        "open": screen.open,
        "till": screen.place.till,
        "after": last_tap_id(screen.place),
    }
    response = render(request, template, context)
    if request.htmx:
        address = reverse("counter_card", args=[screen.open.card.id]) if screen.open else reverse("counter")
        response["HX-Replace-Url"] = address
    return response


def _not_found(screen: Screen, text: str) -> Notice:
    if any(letter.isdigit() for letter in text):
        return Notice(
            "bad", _("No card or receipt was found."), _("Check the number, or tap or scan the card again.")
        )
    return Notice(
        "bad",
        _("This was not understood."),
        _("Type a card number, a receipt number, or + or − and an amount."),
    )


def _busy() -> Notice:
    return Notice("warn", _("The card is busy just now."), _("No money was moved; press Enter again."))


def _mode_of(request: StaffRequest) -> Mode:
    fields = request.POST if request.method == "POST" else request.GET
    return next((mode for mode in MODES if mode == fields.get("mode")), "load")


def _chosen(request: StaffRequest) -> tuple[Kind, UUID] | None:
    """Read which earlier transaction was chosen in the history, and for what."""
    for kind in OF_AN_ORIGINAL:
        if original := _uuid(request.POST.get(kind)):
            return kind, original
    return None


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return None
