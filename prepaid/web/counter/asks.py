"""What staff can ask for an open card where a second person may have to approve: one table, and its forms.

Knows names and fields; whether a second person is needed is decided by the approvals of stored value.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

from django import forms
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from prepaid.cards.models import Card
from prepaid.money import Money, is_unit, parse_amount
from prepaid.stored_value.answers import Balance
from prepaid.stored_value.approvals.payloads import LimitTerm
from prepaid.web.counter.life_forms import LifeForm

Code = Literal["adjust", "refund", "unblock", "limit"]
LIMIT_NAMES: dict[str, str | Promise] = {
    "load_single_max": gettext_lazy("Most for one top-up"),
    "load_day_max": gettext_lazy("Most topped up in a day"),
    "load_month_max": gettext_lazy("Most topped up in a month"),
    "redeem_single_max": gettext_lazy("Most for one purchase"),
    "redeem_day_max": gettext_lazy("Most spent in a day"),
    "redeem_month_max": gettext_lazy("Most spent in a month"),
    "balance_max": gettext_lazy("Largest balance"),
    "holder_load_day_max": gettext_lazy("Most topped up in a day by one holder"),
    "holder_load_month_max": gettext_lazy("Most topped up in a month by one holder"),
    "holder_redeem_day_max": gettext_lazy("Most spent in a day by one holder"),
    "holder_redeem_month_max": gettext_lazy("Most spent in a month by one holder"),
    "low_trust_single_max": gettext_lazy("Most for one purchase by a bare UID"),
    "low_trust_day_max": gettext_lazy("Most spent in a day by a bare UID"),
}
WAYS = (
    ("up", gettext_lazy("Add to the card")),
    ("down", gettext_lazy("Take from the card")),
)
LOTS = (("paid", gettext_lazy("Paid value")), ("bonus", gettext_lazy("Bonus")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """Something to ask for: what it is called, what it does in a sentence, and the verb that confirms it."""

    code: Code
    icon: str
    title: str | Promise
    text: str | Promise
    verb: str | Promise
    for_managers: bool = False


ASKS = (
    Ask(
        code="unblock",
        icon="lock-open",
        title=gettext_lazy("Unblock the card"),
        text=gettext_lazy("It takes money again."),
        verb=gettext_lazy("Unblock the card"),
    ),
    Ask(
        code="adjust",
        icon="scale",
        title=gettext_lazy("Correct the balance"),
        text=gettext_lazy(
            "Add or take value that no sale explains, such as a top-up that was typed wrongly."
        ),
        verb=gettext_lazy("Correct the balance"),
    ),
    Ask(
        code="refund",
        icon="undo-2",
        title=gettext_lazy("Refund without a receipt"),
        text=gettext_lazy("Give value back for a purchase that cannot be found."),
        verb=gettext_lazy("Refund"),
    ),
    Ask(
        code="limit",
        icon="gauge",
        title=gettext_lazy("Change a limit"),
        text=gettext_lazy("For every card of this program, from now on."),
        verb=gettext_lazy("Change the limit"),
        for_managers=True,
    ),
)


def list_asks(balance: Balance) -> list[Ask]:
    """List what is worth asking for a card as it stands, in the order of the table."""
    fitting = {"blocked": ("unblock", "limit"), "active": ("adjust", "refund", "limit")}
    return [ask for ask in ASKS if ask.code in fitting.get(balance.state, ())]


def find_ask(code: str) -> Ask | None:
    """Find what is asked by the word in its address."""
    return next((ask for ask in ASKS if ask.code == code), None)


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
            (term, LIMIT_NAMES[term]) for term in get_args(LimitTerm)
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
