"""Card returns in the office: the register, and one card's quote with every way side by side.

Knows forms and words; what a way gives, and whether it may be chosen, stored value decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import cast, get_args
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from prepaid.cards.models import Card
from prepaid.cards.rules.in_force import RateUnknown
from prepaid.identifiers import uuid7
from prepaid.keys import site_keys
from prepaid.ledger.errors import IdReused, TryAgain
from prepaid.reports.return_register import list_cooling, list_due
from prepaid.stored_value.approvals.errors import AlreadyAsked
from prepaid.stored_value.approvals.payloads import CardReturn
from prepaid.stored_value.approvals.service import ask, foresee
from prepaid.stored_value.pay_out import PaidOutBy
from prepaid.stored_value.quotes.choices import (
    CardMoved,
    Choice,
    ChoiceRefused,
    PaymentAbsent,
    choose,
    find_choice,
    find_return_card,
    list_tenders,
    pay_choice,
)
from prepaid.stored_value.quotes.formulas import Line
from prepaid.stored_value.quotes.quote import Branch, Quote, quote_return
from prepaid.stored_value.requests import Request, origin_of_till
from prepaid.stores.models import Staff
from prepaid.web.access import StaffRequest, in_the_office
from prepaid.web.counter.finding import get_card
from prepaid.web.named import reads_chinese

WAYS: dict[str, Promise] = {
    "cooling_off": gettext_lazy("Cooling-off period"),
    "art18": gettext_lazy("Not the card holder's cause"),
    "art19": gettext_lazy("The card holder's cause"),
    "paid_bucket": gettext_lazy("What is left of what was paid"),
    "time_prorata": gettext_lazy("By the days left"),
    "small_balance": gettext_lazy("Cash-out of a small balance"),
}
TENDERS: dict[str, Promise] = {
    "bank_transfer": gettext_lazy("Bank transfer, to an account in the same name"),
    "cash": gettext_lazy("Cash"),
}
UUID_VERSION = 7


@dataclass(frozen=True, slots=True)
class Way:
    """A way of reckoning as it is read."""

    branch: Branch
    name: Promise
    article: str
    why_not: str
    working: list[str]


@never_cache
@require_GET
@in_the_office
def returns(request: StaffRequest, staff: Staff) -> HttpResponse:
    """Show the register: refunds with their deadlines, and payments that may still be taken back whole."""
    today = _today(staff)
    due, cooling = list_due(today), list_cooling(today)
    cards = Card.objects.select_related("program").in_bulk(
        [each.choice.card_id for each in due] + [each.card_id for each in cooling]
    )
    context = {
        "due": [(each, cards.get(each.choice.card_id), WAYS[each.choice.branch]) for each in due],
        "cooling": [(each, cards.get(each.card_id)) for each in cooling],
    }
    return render(request, "returns/returns.html", context)


@never_cache
@require_GET
@in_the_office
def quote(request: StaffRequest, staff: Staff, card_id: UUID) -> HttpResponse:
    """Quote the return of a card by every way, for the dates that are given."""
    card = _card(card_id)
    today = _today(staff)
    ended, paid = _day(request.GET.get("ended")) or today, _day(request.GET.get("paid")) or today
    if ended > paid:
        messages.error(request, _("The contract ends before the refund is paid: the dates were put right."))
        ended = paid
    try:
        quoted = quote_return(card, on=today, terminated_on=ended, paid_on=paid)
    except RateUnknown:
        messages.error(request, _("No interest rate is recorded for that day. Record it, or take today."))
        quoted = quote_return(card, on=today)
    choice = find_choice(card.account_id)
    context = {
        "card": card,
        "quote": quoted,
        "ways": _ways(quoted),
        "may_choose": any(branch.applies for branch in quoted.branches),
        "choice_id": uuid7(),
        "choice": choice,
        "choice_name": WAYS[choice.branch] if choice else "",
        "stale": choice is not None and choice.paid_out_at is None and choice.position != quoted.position,
        "tenders": _tenders(choice, today),
    }
    return render(request, "returns/quote.html", context)


@require_POST
@in_the_office
def choose_way(request: StaffRequest, staff: Staff, card_id: UUID) -> HttpResponse:
    """Record which way was chosen, and why."""
    card = _card(card_id)
    today = _today(staff)
    choice_id = _id(request.POST.get("id"))
    if choice_id is None:
        raise Http404
    try:
        choose(
            quote_return(
                card,
                on=today,
                terminated_on=_day(request.POST.get("ended")),
                paid_on=_day(request.POST.get("paid")),
            ),
            request.POST.get("way", ""),
            choice_id=choice_id,
            reason=request.POST.get("reason", ""),
            store_id=staff.store_id,
            operator=staff.code,
            at=timezone.now(),
        )
    except (ChoiceRefused, RateUnknown):
        messages.error(request, _("Nothing was recorded: choose a way that applies and write a reason."))
    else:
        messages.success(request, _("The choice is recorded. No money was moved yet."))
    return redirect("return_quote", card_id)


@require_POST
@in_the_office
def pay(request: StaffRequest, staff: Staff, card_id: UUID) -> HttpResponse:
    """Pay the last choice of a card out."""
    card = _card(card_id)
    choice_id = _id(request.POST.get("id"))
    choice = find_choice(card.account_id)
    if choice is None or choice.id != choice_id:
        messages.error(request, _("Nothing was paid: another choice stands now. Look at it first."))
        return redirect("return_quote", card_id)
    if staff.till is None:
        messages.error(request, _("Nothing was paid: say first at which till you work."))
        return redirect("till")
    if not _ask_second(request, staff, card, choice):
        _pay(request, staff, choice)
    return redirect("return_quote", card_id)


def _ask_second(request: StaffRequest, staff: Staff, card: Card, choice: Choice) -> bool:
    """Ask for a second person where the amount needs one, and say so; give whether it did."""
    tender = request.POST.get("tender", "")
    if tender not in get_args(PaidOutBy):
        return False
    payload = CardReturn(
        card_id=choice.card_id,
        choice_id=choice.id,
        paid_minor=choice.paid_minor,
        paid_from_bonus_minor=choice.paid_from_bonus_minor,
        forfeited_bonus_minor=choice.forfeited_bonus_minor,
        retained_minor=choice.retained_minor,
        tender=cast(PaidOutBy, tender),
        currency=card.program.currency,
    )
    if choice.paid_out_at is not None or not foresee(payload, staff=staff).second_needed:
        return False
    try:
        ask(
            payload,
            approval_id=uuid7(),
            transaction_id=choice.id,
            staff=staff,
            reason=choice.reason,
            at=timezone.now(),
        )
    except AlreadyAsked:
        messages.error(request, _("This is asked for already. Nothing was changed."))
    else:
        messages.success(
            request, _("Asked for. Nothing has changed yet: another manager decides within two days.")
        )
    return True


def _pay(request: StaffRequest, staff: Staff, choice: Choice) -> None:
    assert staff.till is not None, "the view asked for a till"
    now = timezone.now()
    asked = Request(
        id=choice.id,
        origin=origin_of_till(staff.till),
        digest=site_keys().content_digest(b"card_return" + choice.id.bytes),
        occurred_at=now,
        recorded_at=now,
        operator=staff.code,
    )
    try:
        answer = pay_choice(choice, asked, tender=request.POST.get("tender", ""))
    except CardMoved:
        messages.error(request, _("No money was moved: the card was used after the choice. Choose again."))
    except ChoiceRefused:
        messages.error(request, _("No money was moved: this amount is not paid in cash."))
    except (PaymentAbsent, IdReused):
        messages.error(request, _("No money was moved: this cannot be paid here."))
    except TryAgain:
        messages.error(
            request, _("It is not known whether money moved. Press again: it is never done twice.")
        )
    else:
        if answer.approved:
            messages.success(
                request, _("Paid out, and the card is closed.") if choice.closes else _("Paid out.")
            )
        else:
            messages.error(request, answer.why.zh if reads_chinese() else answer.why.en)


def _ways(quoted: Quote) -> list[Way]:
    return [
        Way(
            branch,
            WAYS[branch.code],
            _say(branch.article),
            _say(branch.why_not),
            [_say(line) for line in branch.lines],
        )
        for branch in quoted.branches
    ]


def _tenders(choice: Choice | None, today: date) -> list[tuple[str, Promise]]:
    """List how the choice may be paid; none where this version does not pay, or it is paid."""
    if choice is None or choice.paid_out_at is not None or find_return_card() is None:
        return []
    return [(tender, TENDERS[tender]) for tender in list_tenders(choice, today)]


def _say(line: Line | None) -> str:
    if line is None:
        return ""
    return line.zh if reads_chinese() else line.en


def _card(card_id: UUID) -> Card:
    card = get_card(card_id)
    if card is None:
        raise Http404
    return card


def _today(staff: Staff) -> date:
    return (
        timezone.localdate()
        if staff.till is None
        else origin_of_till(staff.till).business_date_at(timezone.now())
    )


def _day(text: str | None) -> date | None:
    try:
        return parse_date(text or "")
    except ValueError:
        return None


def _id(text: str | None) -> UUID | None:
    try:
        given = UUID(text or "")
    except ValueError:
        return None
    return given if given.version == UUID_VERSION else None
