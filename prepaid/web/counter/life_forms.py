"""What is asked before an act on a card: a reason always, and what each act needs beside it.

Knows fields and what can be read from them; must not know whether an act is possible.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from prepaid.cards.models import Card
from prepaid.cards.rules.in_force import rules_in_force
from prepaid.ledger.models import LedgerAccount
from prepaid.money import Money, parse_amount
from prepaid.stores.models import Tap
from prepaid.web.access import Place
from prepaid.web.counter.acts import Code
from prepaid.web.counter.commands import list_sought
from prepaid.web.counter.finding import find_card, get_card
from prepaid.web.counter.issuing import find_new_tap
from prepaid.web.named import told_of

UUID_VERSION = 7
TENDERS = (("cash", gettext_lazy("Cash")), ("bank_transfer", gettext_lazy("Bank transfer")))
NO_CARD = gettext_lazy("No card was found. Tap or scan the other card, or type its number.")


class LifeForm(forms.Form):
    """The id makes a repeat harmless; the reason stands in the card's history."""

    id = forms.UUIDField(widget=forms.HiddenInput)
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=200)

    def __init__(self, *args: Any, place: Place, card: Card, **kwargs: Any) -> None:
        """Bind the form to the open card."""
        super().__init__(*args, **kwargs)
        self.place = place
        self.card = card
        for field in self.fields.values():
            field.widget.attrs |= {"autocomplete": "off"}

    def clean_id(self) -> UUID:
        """Take only ids that the site makes."""
        given: UUID = self.cleaned_data["id"]
        if given.version != UUID_VERSION:
            raise forms.ValidationError(_("Open this page again."))
        return given


class NewCardForm(LifeForm):
    """Which medium the new card is."""

    medium = forms.ChoiceField(choices=[("printed", "printed"), ("nfc", "nfc")], initial="printed")
    tap = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def clean_tap(self) -> Tap | None:
        """Find the tap that proves which NFC card lies on the reader."""
        tap_id = self.cleaned_data["tap"]
        return None if tap_id is None else find_new_tap(tap_id, self.place)

    def clean(self) -> dict[str, Any]:
        """Refuse an NFC card that nobody tapped."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("medium") == "nfc" and not cleaned.get("tap"):
            self.add_error(None, _("Put a new card on the reader and wait until it is verified."))
        return cleaned


class HolderForm(LifeForm):
    """Who holds the account from now on."""

    holder_name = forms.CharField(label=gettext_lazy("New card holder"), max_length=120)
    holder_phone = forms.CharField(label=gettext_lazy("Phone"), max_length=32, required=False)
    field_order = ("id", "holder_name", "holder_phone", "reason")


class ToCardForm(LifeForm):
    """Another card, scanned, typed or tapped."""

    use_required_attribute = False
    to = forms.CharField(
        label=gettext_lazy("To which card"),
        max_length=120,
        error_messages={"required": NO_CARD},
        help_text=gettext_lazy("Tap it, scan its code, or type its whole number."),
    )
    to_card = forms.UUIDField(required=False, widget=forms.HiddenInput)
    field_order = ("id", "to_card", "to", "amount", "reason")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Ask for a text only where no card was tapped."""
        super().__init__(*args, **kwargs)
        if self.is_bound and self.data.get("to_card"):
            self.fields["to"].required = False

    def clean(self) -> dict[str, Any]:
        """Find the other card: what was typed comes before what was tapped."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        text = (cleaned.get("to") or "").strip()
        found = find_card(list_sought(text)) if text else None
        if found is not None:
            cleaned["target"] = found[0]
        elif not text and cleaned.get("to_card"):
            cleaned["target"] = get_card(cleaned["to_card"])
        target = cleaned.get("target")
        if target is None and not self.has_error("to"):
            self.add_error("to", NO_CARD)
        elif target is not None and target.account_id == self.card.account_id:
            self.add_error("to", _("This is a card of the same account: it has the same value already."))
        return cleaned


class AmountForm(LifeForm):
    """An amount of what the card holds."""

    amount = forms.CharField(label=gettext_lazy("Amount"), max_length=14)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Ask for digits."""
        super().__init__(*args, **kwargs)
        self.fields["amount"].widget.attrs |= {"inputmode": "decimal", "placeholder": "0.00"}

    def clean_amount(self) -> Money:
        """Read the amount exactly."""
        try:
            typed = self.cleaned_data["amount"].strip().replace(",", "")
            money = parse_amount(typed, self.card.program.currency)
        except ValueError as error:
            raise forms.ValidationError(_("Type an amount such as 100 or 36.50.")) from error
        if not money.amount_minor:
            raise forms.ValidationError(_("Type an amount such as 100 or 36.50."))
        return money


class MoveForm(ToCardForm, AmountForm):
    """Another card and an amount."""


class PaidOutForm(LifeForm):
    """How the money goes back."""

    tender = forms.ChoiceField(label=gettext_lazy("Paid back by"), choices=TENDERS, initial="cash")
    field_order = ("id", "amount", "tender", "reason")


class CashOutForm(PaidOutForm, AmountForm):
    """An amount and how it goes back."""


class CloseForm(PaidOutForm):
    """How the rest goes back; the amounts are those that were shown before."""

    paid_minor = forms.IntegerField(required=False, min_value=0, widget=forms.HiddenInput)
    bonus_minor = forms.IntegerField(required=False, min_value=0, widget=forms.HiddenInput)

    def clean(self) -> dict[str, Any]:
        """Send a card to the office whose return is reckoned as the law says."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        today = self.place.origin.business_date_at(timezone.now())
        rule = rules_in_force(self.card.program.rule_set_id, today).get("refund_formula")
        holds_value = LedgerAccount.objects.filter(pk=self.card.account_id, balance__gt=0).exists()
        if rule is not None and "paid_bucket" not in rule.stated and holds_value:
            elsewhere = _("Nothing was changed: return this card in the office.")
            self.add_error(None, f"{elsewhere} {told_of(rule)}")
        return cleaned


FORMS: dict[Code, type[LifeForm]] = {
    "replace": NewCardForm,
    "exchange": NewCardForm,
    "new-pin": LifeForm,
    "reassign": HolderForm,
    "move": MoveForm,
    "merge": ToCardForm,
    "reactivate": LifeForm,
    "cash-out": CashOutForm,
    "close": CloseForm,
}
