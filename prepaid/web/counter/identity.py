"""Recording who holds a card, at the counter.

Knows the form; what an identity is and whose number it is, cards decide.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from prepaid.cards.identity import Identity, IdentityRefused, IdentityTaken, checked_number, identify
from prepaid.cards.rules.in_force import rules_in_force
from prepaid.web.access import Place, StaffRequest, at_a_till
from prepaid.web.counter.finding import get_card

DOCUMENTS = (
    ("resident_id", gettext_lazy("Resident ID card")),
    ("passport", gettext_lazy("Passport")),
    ("business_licence", gettext_lazy("Business licence")),
    ("other", gettext_lazy("Other document")),
)
OFF = {"autocomplete": "off"}


class IdentityForm(forms.Form):
    """Who buys, as their document says, and the agent who acts for them."""

    kind = forms.ChoiceField(
        label=gettext_lazy("Buyer"),
        choices=[
            ("person", gettext_lazy("Person")),
            ("organisation", gettext_lazy("Organisation")),
        ],
        initial="person",
    )
    name = forms.CharField(label=gettext_lazy("Name on the document"), max_length=120)
    document = forms.ChoiceField(label=gettext_lazy("Document"), choices=DOCUMENTS, initial=DOCUMENTS[0][0])
    number = forms.CharField(
        label=gettext_lazy("Number of the document"),
        max_length=40,
        help_text=gettext_lazy("Kept encrypted; only its end is shown afterwards."),
    )
    phone = forms.CharField(label=gettext_lazy("Phone"), max_length=32)
    agent_name = forms.CharField(label=gettext_lazy("Agent's name"), max_length=120, required=False)
    agent_number = forms.CharField(label=gettext_lazy("Agent's ID number"), max_length=40, required=False)
    agent_phone = forms.CharField(label=gettext_lazy("Agent's phone"), max_length=32, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Let no browser keep what is typed."""
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget.attrs |= OFF

    def clean(self) -> dict[str, Any]:
        """Refuse what is not the number of such a document."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.errors:
            try:
                checked_number(self.identity())
            except IdentityRefused as refused:
                field = refused.field if refused.field in self.fields else None
                self.add_error(field, _("This is not a number of such a document: read it again."))
        return cleaned

    def identity(self, *, name: str = "-") -> Identity:
        """Give what was typed; where the form asks for no name, with the one that another form asked for."""
        return Identity(**({"name": name} | self.cleaned_data))


@never_cache
@require_http_methods(["GET", "POST"])
@at_a_till
def identity(request: StaffRequest, place: Place, card_id: UUID) -> HttpResponse:
    """Ask for the identity of a card's holder and record it, once."""
    card = get_card(card_id)
    if card is None:
        raise Http404
    holder = card.account.holder
    on = place.origin.business_date_at(timezone.now())
    rule = rules_in_force(card.program.rule_set_id, on).get("identity_required_when")
    known = holder if holder is not None and holder.identified_at is not None else None
    form = IdentityForm(request.POST or None, initial={"name": holder.name if holder else ""})
    if request.method == "POST" and form.is_valid():
        try:
            identify(card.account_id, form.identity(), by=place.operator, at=timezone.now())
        except IdentityTaken:
            form.add_error(None, taken())
        else:
            messages.success(request, _("The identity is recorded. The card can be topped up now."))
            return redirect("counter_card", card_id)
    context = {"form": form, "card": card, "rule": rule, "known": known}
    return render(request, "cards/identity.html", context, status=422 if form.errors else 200)


def taken() -> str:
    """Say that a number or an account is another holder's already."""
    return _(
        "Nothing was recorded: this number is known under another name, "
        "or this card has another holder already."
    )
