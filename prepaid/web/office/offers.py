"""Offers in the office: which run, making one, ending one.

Knows the form and its sentences; which offer a top-up earns by is decided with the top-up.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.validators import RegexValidator
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from prepaid.cards.models import Offer, Program
from prepaid.cards.offer import INSTALMENTS_MAX
from prepaid.cards.offers import OfferCodeTaken, end_offer, list_past, list_running, make_offer
from prepaid.money import Money, parse_amount
from prepaid.reports.periods import latest_business_date
from prepaid.stores.models import Staff, Store
from prepaid.web.access import StaffRequest, in_the_office
from prepaid.web.named import name_of

PAST_SHOWN = 50
VALID_DAYS_MAX = 3_660
INTERVALS = [
    ("day", gettext_lazy("every day")),
    ("week", gettext_lazy("every week")),
    ("month", gettext_lazy("every month")),
]


class OfferForm(forms.Form):
    """What an offer is made of. Amounts are typed in the currency of the program."""

    program = forms.ModelChoiceField(
        Program.objects.all(), label=gettext_lazy("Program"), empty_label=None, to_field_name="code"
    )
    code = forms.CharField(
        label=gettext_lazy("Code"),
        max_length=24,
        validators=[RegexValidator(r"^[A-Za-z0-9-]+$", gettext_lazy("Use letters, digits and hyphens."))],
        help_text=gettext_lazy("Stands on the bonus of each top-up, such as AUTUMN50."),
    )
    name = forms.CharField(label=pgettext_lazy("offer", "Name"), max_length=80)
    name_zh = forms.CharField(label=gettext_lazy("Name in Chinese"), max_length=80, required=False)
    pay_min = forms.CharField(label=gettext_lazy("Top-up of at least"), max_length=14)
    bonus = forms.CharField(label=gettext_lazy("Bonus"), max_length=14)
    instalments = forms.IntegerField(
        label=gettext_lazy("Given in parts"),
        min_value=1,
        max_value=INSTALMENTS_MAX,
        initial=1,
        help_text=gettext_lazy("1 is all at once. The first part always comes with the top-up."),
    )
    interval = forms.ChoiceField(
        label=gettext_lazy("The other parts"), choices=INTERVALS, initial="month", required=False
    )
    bonus_valid_days = forms.IntegerField(
        label=gettext_lazy("Bonus is good for, in days"),
        min_value=1,
        max_value=VALID_DAYS_MAX,
        required=False,
        help_text=gettext_lazy("Leave it empty for ever."),
    )
    starts_on = forms.DateField(label=gettext_lazy("First day"), input_formats=["%Y-%m-%d"])
    ends_on = forms.DateField(label=gettext_lazy("Last day"), input_formats=["%Y-%m-%d"], required=False)
    tier = forms.CharField(
        label=gettext_lazy("Only for the tier"),
        max_length=16,
        required=False,
        help_text=gettext_lazy("As it stands on the account, such as gold."),
    )
    stores = forms.ModelMultipleChoiceField(
        Store.objects.order_by("code"),
        label=gettext_lazy("Only in these stores"),
        required=False,
        to_field_name="code",
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("Choose none for every store."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Name programs and stores in the reader's language."""
        super().__init__(*args, **kwargs)
        choices: Any = self.fields["program"]
        choices.label_from_instance = lambda program: f"{name_of(program)} · {program.currency}"
        choices = self.fields["stores"]
        choices.label_from_instance = name_of
        for name in ("starts_on", "ends_on"):
            self.fields[name].widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
        for name in ("pay_min", "bonus"):
            self.fields[name].widget.attrs |= {"inputmode": "decimal", "autocomplete": "off"}
        self.fields["code"].widget.attrs["autocomplete"] = "off"

    def clean_code(self) -> str:
        """Write codes one way."""
        return str(self.cleaned_data["code"]).upper()

    def clean(self) -> dict[str, Any]:
        """Read the amounts in the program's currency, and refuse what contradicts itself."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        program = cleaned.get("program")
        if program is None:
            return cleaned
        for name in ("pay_min", "bonus"):
            if name in cleaned:
                cleaned[name] = self._read(name, cleaned[name], program.currency)
        bonus, parts = cleaned.get("bonus"), cleaned.get("instalments")
        if bonus and parts and bonus.amount_minor < parts:
            self.add_error("instalments", _("The bonus is too small for so many parts."))
        if cleaned.get("ends_on") and cleaned.get("starts_on") and cleaned["ends_on"] < cleaned["starts_on"]:
            self.add_error("ends_on", _("The first day is after the last."))
        if any(store.currency != program.currency for store in cleaned.get("stores") or ()):
            self.add_error("stores", _("A store of another currency does not take this program's cards."))
        return cleaned

    def _read(self, name: str, text: str, currency: str) -> Money | None:
        try:
            money = parse_amount(text.strip().replace(",", ""), currency)
        except ValueError:
            money = None
        if money is None or not money.amount_minor:
            self.add_error(name, _("Type an amount such as 100 or 36.50."))
            return None
        return money


@dataclass(frozen=True, slots=True)
class OfferLine:
    """An offer as a line of the list."""

    offer: Offer
    state: str | Promise
    tone: str
    stores: str
    parts: str


@never_cache
@require_GET
@in_the_office
def offers(request: StaffRequest, staff: Staff) -> HttpResponse:
    """List the offers that run or will, and those that are over."""
    today = latest_business_date([staff.store], timezone.now())
    names = {store.id: name_of(store) for store in Store.objects.all()}
    context = {
        "running": [line_of(offer, names, today) for offer in list_running(today)],
        "past": [line_of(offer, names, today) for offer in list_past(today)[:PAST_SHOWN]],
    }
    return render(request, "office/offers.html", context)


@never_cache
@require_http_methods(["GET", "POST"])
@in_the_office
def new_offer(request: StaffRequest, staff: Staff) -> HttpResponse:
    """Ask for what an offer is made of, and make it."""
    now = timezone.now()
    if request.method != "POST":
        form = OfferForm(initial={"starts_on": latest_business_date([staff.store], now)})
        return render(request, "office/new_offer.html", {"form": form})
    form = OfferForm(request.POST)
    if form.is_valid():
        asked = dict(form.cleaned_data)
        stores = asked.pop("stores")
        try:
            made = make_offer(
                **asked | {"interval": asked["interval"] or "month"},
                store_ids=[store.id for store in stores] or None,
                actor=staff.code,
                at=now,
            )
        except OfferCodeTaken:
            form.add_error("code", _("Another offer has this code."))
        else:
            messages.success(request, _("The offer %(name)s is made.") % {"name": name_of(made)})
            return redirect("offers")
    return render(request, "office/new_offer.html", {"form": form}, status=422)


@require_POST
@in_the_office
def end(request: StaffRequest, staff: Staff, offer_id: UUID) -> HttpResponse:
    """End an offer now."""
    offer = Offer.objects.filter(pk=offer_id).first()
    if offer is None:
        raise Http404
    if end_offer(offer_id, actor=staff.code, at=timezone.now()):
        messages.success(
            request,
            _("%(name)s is ended. What it promised before is still given.") % {"name": name_of(offer)},
        )
    else:
        messages.error(request, _("Nothing was changed: it was ended before."))
    return redirect("offers")


def line_of(offer: Offer, names: dict[UUID, str], today: date) -> OfferLine:
    """Put an offer's terms into words."""
    if offer.ended_at is not None:
        state, tone = _("Ended"), ""
    elif offer.ends_on and offer.ends_on < today:
        state, tone = _("Over"), ""
    elif offer.starts_on > today:
        state, tone = _("To come"), "blue"
    else:
        state, tone = _("Running"), "good"
    stores = _("every store")
    if offer.store_ids is not None:
        stores = ", ".join(sorted(names.get(store_id, "?") for store_id in offer.store_ids))
    parts = _("at once")
    if offer.instalments > 1:
        interval = dict(INTERVALS)[offer.interval]
        parts = _("%(count)d parts, %(interval)s") % {"count": offer.instalments, "interval": interval}
    return OfferLine(offer, state, tone, stores, parts)
