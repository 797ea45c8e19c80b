"""Issuing a card at the counter: printed number, or the NFC card on the paired terminal's reader.

Knows the form and the slip; the card, its secrets and its first top-up come from stored value.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import segno
from django import forms
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from prepaid.cards.identity import IdentityTaken, identify
from prepaid.cards.models import Program, Rule
from prepaid.cards.numbers import grouped
from prepaid.cards.personalise import takes_a_chip
from prepaid.cards.rules.in_force import RuleRefused, asks_identity_at_any_load
from prepaid.identifiers import uuid7
from prepaid.ledger.errors import IdReused, TryAgain
from prepaid.money import UNITS, Money, is_unit, parse_amount
from prepaid.stored_value.answers import Answer
from prepaid.stored_value.history import find_price
from prepaid.stored_value.issue import AlreadyBound, IssuedCard, issue
from prepaid.stores.models import Store, Tap
from prepaid.web.access import Place, StaffRequest, at_a_till
from prepaid.web.counter.actions import Action, commit, foresee
from prepaid.web.counter.chip import await_chip, chip_context
from prepaid.web.counter.identity import IdentityForm, taken
from prepaid.web.counter.screen import Notice, explain
from prepaid.web.counter.stream import last_tap_id
from prepaid.web.named import name_of, told_of

# A tap longer ago than this may be of a card that is no longer on the reader.
TAP_AGE_MAX = timedelta(minutes=5)
UUID_VERSION = 7
HOLDER = "holder"


class HolderForm(IdentityForm):
    """The identity of the one that the new card is for, whose name the other form asks."""

    # Folded away until a rule asks for it: a browser could not show which field it misses.
    use_required_attribute = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Leave the name out."""
        super().__init__(*args, **kwargs)
        del self.fields["name"]

    @property
    def is_typed(self) -> bool:
        """Say whether anything was typed; the two choices stand in the form by themselves."""
        texts = (name for name in self.fields if name not in ("kind", "document"))
        return any(self.data.get(self.add_prefix(name), "").strip() for name in texts)


class IssueForm(forms.Form):
    """What is asked before a card is issued. `card_id` and `load_id` make a repeat harmless."""

    # The rule by which the holder's identity is asked for, once the program is known.
    rule: Rule | None = None
    card_id = forms.UUIDField(widget=forms.HiddenInput)
    load_id = forms.UUIDField(widget=forms.HiddenInput)
    program = forms.ModelChoiceField(
        Program.objects.none(), label=gettext_lazy("Program"), empty_label=None, to_field_name="code"
    )
    holder_name = forms.CharField(
        label=gettext_lazy("Card holder"),
        max_length=120,
        required=False,
        help_text=gettext_lazy("Leave it empty for a gift card."),
    )
    amount = forms.CharField(label=gettext_lazy("First top-up, paid in cash"), max_length=14, required=False)
    medium = forms.ChoiceField(choices=[(medium, medium) for medium in ("printed", "nfc", "blank")])
    tap = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, place: Place, **kwargs: Any) -> None:
        """Offer the programs whose cards the store takes."""
        super().__init__(*args, **kwargs)
        self.place = place
        programs: Any = self.fields["program"]
        programs.queryset = list_offered(place.store)
        programs.label_from_instance = name_of
        self.fields["holder_name"].widget.attrs |= {"autocomplete": "off", "autofocus": True}
        self.fields["amount"].widget.attrs |= {
            "autocomplete": "off",
            "inputmode": "decimal",
            "placeholder": "0.00",
        }

    def clean_card_id(self) -> UUID:
        """Take only ids that the site makes."""
        return _checked(self.cleaned_data["card_id"])

    def clean_load_id(self) -> UUID:
        """Take only ids that the site makes."""
        return _checked(self.cleaned_data["load_id"])

    def clean_amount(self) -> Money | None:
        """Read the first top-up; None where there is none."""
        text = self.cleaned_data["amount"].strip().replace(",", "")
        if not text:
            return None
        program: Program | None = self.cleaned_data.get("program")
        try:
            money = parse_amount(text, program.currency if program else self.place.store.currency)
        except ValueError as error:
            if program and is_unit(program.currency):
                raise forms.ValidationError(_("This card counts whole units: type digits alone.")) from error
            raise forms.ValidationError(_("Type an amount such as 100 or 36.50.")) from error
        return money if money.amount_minor else None

    def clean_tap(self) -> Tap | None:
        """Find the tap that proves which NFC card lies on the reader."""
        tap_id = self.cleaned_data["tap"]
        if tap_id is None:
            return None
        return find_new_tap(tap_id, self.place)

    def clean(self) -> dict[str, Any]:
        """Refuse an NFC card that nobody tapped."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("medium") == "nfc" and not cleaned.get("tap"):
            self.add_error(None, _("Put a new card on the reader and wait until it is verified."))
        program: Program | None = cleaned.get("program")
        if cleaned.get("medium") == "blank" and program is not None and not takes_a_chip(program):
            self.add_error("program", _("Cards of this program have no chip."))
        return cleaned


def list_offered(store: Store) -> QuerySet[Program]:
    """List the programs whose cards a store takes: in its currency, and those that count units."""
    here = Q(scope_store_ids=None) | Q(scope_store_ids__contains=[store.id])
    return Program.objects.filter(here, currency__in=(store.currency, *UNITS))


def find_new_tap(tap_id: int, place: Place) -> Tap | None:
    """Find a fresh tap, at the till's own terminal, of a verified card that is not issued yet."""
    terminal_id = place.till.terminal_id
    if terminal_id is None:
        return None
    since = timezone.now() - TAP_AGE_MAX
    taps = Tap.objects.filter(terminal_id=terminal_id, card_id=None, method="sun", lookup__isnull=False)
    return taps.filter(pk=tap_id, at__gte=since).first()


@never_cache
@require_http_methods(["GET", "POST"])
@at_a_till
def new_card(request: StaffRequest, place: Place) -> HttpResponse:
    """Ask for what a new card needs, issue it, and show its secrets once."""
    if request.method == "POST":
        form = IssueForm(request.POST, place=place)
        holder = HolderForm(request.POST, prefix=HOLDER)
        if form.is_valid() and _identity_is_whole(form, holder, place):
            answer = _issue(request, place, form, holder)
            if answer is not None:
                return answer
        return render(request, "cards/new.html", _page(form, holder, place), status=422)
    tap_id = request.GET.get("tap", "")
    tap = find_new_tap(int(tap_id), place) if tap_id.isdecimal() else None
    first = list_offered(place.store).filter(currency=place.store.currency).first()
    initial = {
        "card_id": uuid7(),
        "load_id": uuid7(),
        "tap": tap.id if tap else None,
        "medium": "nfc" if tap else "printed",
        "program": first.code if first else None,
    }
    form = IssueForm(initial=initial, place=place)
    return render(request, "cards/new.html", _page(form, HolderForm(prefix=HOLDER), place))


def _identity_is_whole(form: IssueForm, holder: HolderForm, place: Place) -> bool:
    """Ask for the identity where a rule does so before any load, and check it where it was typed."""
    program, on = form.cleaned_data["program"], place.origin.business_date_at(timezone.now())
    rule = asks_identity_at_any_load(program.rule_set_id, on)
    if rule is None and not holder.is_typed:
        return True
    named = bool(form.cleaned_data["holder_name"].strip())
    if not named:
        form.add_error("holder_name", _("Write the name that stands on the document."))
    if rule is not None:
        form.rule = rule
    return holder.is_valid() and named


def _page(form: IssueForm, holder: HolderForm, place: Place) -> dict[str, Any]:
    tap_id = form["tap"].value()
    tap = find_new_tap(int(tap_id), place) if str(tap_id or "").isdecimal() else None
    return {
        "form": form,
        "holder": holder,
        "asks_identity": form.fields["program"].queryset.exclude(rule_set=None).exists(),  # type: ignore[attr-defined]
        "till": place.till,
        "tap": tap,
        "after": last_tap_id(place),
        "medium": form["medium"].value(),
    }


def _issue(request: StaffRequest, place: Place, form: IssueForm, holder: HolderForm) -> HttpResponse | None:
    asked = form.cleaned_data
    tap = asked["tap"] if asked["medium"] == "nfc" else None
    refusal: Notice | None = None
    try:
        with transaction.atomic():
            made = issue(
                card_id=asked["card_id"],
                program=asked["program"],
                origin=place.origin,
                actor=place.operator,
                at=timezone.now(),
                holder_name=asked["holder_name"].strip(),
                tap=tap,
            )
            if asked["medium"] == "blank":
                refusal = await_chip(made.card, place)
            if holder.is_typed:
                identity = holder.identity(name=asked["holder_name"])
                identify(made.card.account_id, identity, by=place.operator, at=timezone.now())
    except AlreadyBound:
        form.add_error(None, _("This NFC card belongs to another card already. Nothing was issued."))
        return None
    except IdentityTaken:
        form.add_error(None, taken())
        return None
    except RuleRefused as refused:
        forbids = _("Nothing was issued: a rule forbids the program's terms.")
        form.add_error(None, f"{forbids} {told_of(refused.rule)}")
        return None
    answer, notice = _load(place, made, asked["load_id"], asked["amount"])
    context = {
        "made": made,
        "number": grouped(made.number) if made.number else None,
        "code": draw_code(made.qr) if made.qr else None,
        "with_nfc": tap is not None,
        "answer": answer,
        "price_minor": find_price(answer.id) if answer else None,
        "notice": notice or refusal,
        "at": timezone.now(),
        "till": place.till,
    }
    if asked["medium"] == "blank" and refusal is None:
        if not (made.number or made.qr):
            return redirect("card_chip", made.card.id)
        context |= chip_context(made.card, place)
    return render(request, "cards/issued.html", context)


def _load(
    place: Place, made: IssuedCard, load_id: UUID, money: Money | None
) -> tuple[Answer | None, Notice | None]:
    if money is None:
        return None, None
    action = Action(id=load_id, kind="load", card_id=made.card.id, money=money)
    try:
        foreseen = foresee(action, place) if made.number or made.qr else None
        refused = foreseen is not None and foreseen.reason is not None
        answer = None if refused else commit(action, place)
    except (TryAgain, IdReused):
        return None, Notice(
            "warn",
            _("The card is issued, the top-up was not answered."),
            _("Open the card and read its history before you top up."),
        )
    if answer is None:
        assert foreseen is not None, "only what was foreseen to be refused is not committed"
        return None, explain(foreseen.why)
    if not answer.approved:
        return None, explain(answer.why)
    return answer, None


def draw_code(code: str) -> SafeString:
    """Draw a QR code as an inline SVG without a style attribute."""
    return mark_safe(segno.make(code, error="m", micro=False).svg_inline(omitsize=True, border=2))


def _checked(given: UUID) -> UUID:
    if given.version != UUID_VERSION:
        raise forms.ValidationError(_("Open this page again."))
    return given
