"""The office: what terminals may sell while they are offline, what they have sold so, and what is owed.

Knows the form and the lists; limits are kept by stores, shortfalls by the ledger.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.db import connection
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from prepaid.money import Money, format_amount, parse_amount
from prepaid.stores.models import Staff, StandIn, Terminal
from prepaid.stores.policy import NOTHING_OFFLINE, Limits, set_stand_in
from prepaid.web.access import StaffRequest, in_the_office

HOUR_S = 3_600
COUNT_MAX, HOURS_MAX = 5_000, 168
SHOWN_MAX = 50
AMOUNTS = ("per_transaction", "per_card", "per_terminal", "floor_qr", "floor_uid")
_OWED = """
select account.id, account.shortfall, account.currency,
    coalesce((select card.last_four from cards_card as card where card.account_id = account.id
              order by card.issued_at desc limit 1), ''),
    coalesce((select holder.name from cards_account as held
              join cards_holder as holder on holder.id = held.holder_id where held.id = account.id), ''),
    (select max(advice.occurred_at) from ledger_advice as advice
     where advice.account_id = account.id and advice.shortfall > 0)
from ledger_account as account
where account.shortfall > 0
order by account.shortfall desc limit %s
"""


class AmountField(forms.CharField):
    """An amount as it is typed, in major units; given on in minor units."""

    def __init__(self, *, currency: str, **options: Any) -> None:
        super().__init__(**options)
        self.currency = currency
        self.widget.attrs |= {"inputmode": "decimal", "autocomplete": "off"}

    def clean(self, value: Any) -> Any:
        try:
            return parse_amount(super().clean(value) or "0", self.currency).amount_minor
        except ValueError as error:
            raise forms.ValidationError(_("Type an amount, such as 50.00.")) from error


class LimitsForm(forms.Form):
    """Stand-in limits as a manager types them."""

    count = forms.IntegerField(label=gettext_lazy("Purchases at most"), min_value=0, max_value=COUNT_MAX)
    hours = forms.IntegerField(label=gettext_lazy("Hours offline at most"), min_value=1, max_value=HOURS_MAX)

    def __init__(self, *arguments: Any, currency: str, **options: Any) -> None:
        super().__init__(*arguments, **options)
        labels = {
            "per_transaction": _("One purchase"),
            "per_card": _("One card"),
            "per_terminal": _("One terminal"),
            "floor_qr": _("With a printed code"),
            "floor_uid": _("With a plain NFC card"),
        }
        for name in AMOUNTS:
            is_limit = not name.startswith("floor_")
            self.fields[name] = AmountField(currency=currency, label=labels[name], required=is_limit)
        self.order_fields(["per_transaction", "per_card", "per_terminal", "count", "hours"])

    def clean(self) -> dict[str, Any]:
        found: dict[str, Any] = super().clean() or {}
        amounts = [found.get(name) for name in AMOUNTS[:3]]
        if None not in amounts and amounts != sorted(amounts):  # type: ignore[type-var]
            raise forms.ValidationError(_("A card's limit covers a purchase, a terminal's covers a card."))
        return found

    def limits(self) -> Limits:
        """Give what was typed; a card that proves itself may pay up to the limit of a purchase."""
        found = self.cleaned_data
        return Limits(
            **{name: found[name] for name in AMOUNTS},
            count=found["count"],
            age_s=found["hours"] * HOUR_S,
            floor_sun=found["per_transaction"],
        )


@never_cache
@require_http_methods(["GET", "POST"])
@in_the_office
def offline(request: StaffRequest, staff: Staff) -> HttpResponse:
    """Show and change what may be sold offline."""
    store, currency = staff.store, staff.store.currency
    if request.method == "POST" and "off" in request.POST:
        set_stand_in(store, NOTHING_OFFLINE, actor=staff.code, at=timezone.now())
        messages.success(request, _("Nothing is sold offline any more, once each terminal has heard of it."))
        return redirect("offline")
    kept = StandIn.objects.filter(store=store).first()
    form = LimitsForm(request.POST or None, currency=currency, initial=_initial(kept, currency))
    if request.method == "POST" and form.is_valid():
        set_stand_in(store, form.limits(), actor=staff.code, at=timezone.now())
        messages.success(request, _("Changed. Each terminal hears of it within a minute of being online."))
        return redirect("offline")
    terminals = Terminal.objects.select_related("store", "store__stand_in").exclude(state="retired")
    context = {
        "form": form,
        "kept": kept,
        "store": store,
        "terminals": terminals.order_by("store__code", "name"),
        "owed": _list_owed(),
    }
    return render(request, "office/offline.html", context)


def _initial(kept: StandIn | None, currency: str) -> dict[str, Any]:
    if kept is None or not kept.count:
        return {"hours": 24, "count": 200}
    shown = {
        name: format_amount(Money(getattr(kept, name), currency), symbol=False).replace(",", "")
        for name in AMOUNTS
    }
    return {**shown, "count": kept.count, "hours": max(1, kept.age_s // HOUR_S)}


def _list_owed() -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(_OWED, [SHOWN_MAX])
        names = ("account_id", "amount", "currency", "last_four", "holder", "at")
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
