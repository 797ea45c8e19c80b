"""What is asked before a request is made: its ids and reason always, and what each kind needs beside them.

Knows fields and what can be read from them; must not know whether it is possible.
"""

from __future__ import annotations

from typing import Any, get_args

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from prepaid.cards.models import Card
from prepaid.money import Money, is_unit, parse_amount
from prepaid.stored_value.approvals.payloads import LimitTerm
from prepaid.web.counter.asks import Code
from prepaid.web.counter.life_forms import LifeForm
from prepaid.web.terms import TERM_NAMES

WAYS = (
    ("up", gettext_lazy("Add to the card")),
    ("down", gettext_lazy("Take from the card")),
)
LOTS = (("paid", gettext_lazy("Paid value")), ("bonus", gettext_lazy("Bonus")))


class AskForm(LifeForm):
    """Two ids make a repeat harmless: the request's and that of what is carried out."""

    transaction_id = forms.UUIDField(widget=forms.HiddenInput)
    field_order = ("id", "transaction_id", "term", "direction", "lots", "amount", "reason")

    def read_amount(self, name: str) -> Money | None:
        """Read an amount in what the card counts, exactly; None where nothing is typed."""
        text = (self.cleaned_data.get(name) or "").strip().replace(",", "")
        try:
            return parse_amount(text, self.card.program.currency) if text else None
        except ValueError as error:
            example = _("Type digits alone, such as 1.") if self._counts_units else None
            raise forms.ValidationError(example or _("Type an amount such as 100 or 36.50.")) from error

    @property
    def _counts_units(self) -> bool:
        return is_unit(self.card.program.currency)


class AskAmountForm(AskForm):
    """An amount of what the card counts."""

    amount = forms.CharField(label=gettext_lazy("Amount"), max_length=14)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Ask for digits."""
        super().__init__(*args, **kwargs)
        self.fields["amount"].widget.attrs |= {"inputmode": "decimal"}

    def clean_amount(self) -> Money:
        """Read the amount exactly."""
        money = self.read_amount("amount")
        if money is None or not money.amount_minor:
            raise forms.ValidationError(_("Type an amount above nothing."))
        return money


class AdjustForm(AskAmountForm):
    """Which way, and which kind of value."""

    direction = forms.ChoiceField(
        label=gettext_lazy("What to do"), choices=WAYS, initial="up", widget=forms.RadioSelect
    )
    lots = forms.ChoiceField(
        label=gettext_lazy("Which value"), choices=LOTS, initial="paid", widget=forms.RadioSelect
    )


class LimitForm(AskForm):
    """Which limit and what it becomes; empty is no limit."""

    term = forms.ChoiceField(label=gettext_lazy("Which limit"))
    amount = forms.CharField(
        label=gettext_lazy("New limit"),
        max_length=14,
        required=False,
        help_text=gettext_lazy("Leave it empty for no limit."),
    )

    def __init__(self, *args: Any, card: Card, **kwargs: Any) -> None:
        """Offer the terms that are amounts."""
        super().__init__(*args, card=card, **kwargs)
        self.fields["term"].choices = [  # type: ignore[attr-defined]
            (term, TERM_NAMES[term]) for term in get_args(LimitTerm)
        ]
        self.fields["amount"].widget.attrs |= {"inputmode": "decimal"}

    def clean_amount(self) -> Money | None:
        """Read the limit exactly."""
        return self.read_amount("amount")


FORMS: dict[Code, type[AskForm]] = {
    "adjust": AdjustForm,
    "refund": AskAmountForm,
    "unblock": AskForm,
    "limit": LimitForm,
}
