"""Asking for a change of a rule, which two managers always make together.

Knows the form; what a value must look like is known to the rules, and the second person to the approvals.
"""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from prepaid.cards.models import RuleSet
from prepaid.cards.rules.fields import FIELDS, RuleInvalid, check_rule
from prepaid.identifiers import uuid7
from prepaid.ledger.errors import IdReused, TryAgain
from prepaid.stored_value.approvals.errors import ApprovalError
from prepaid.stored_value.approvals.payloads import RuleChange
from prepaid.stored_value.approvals.service import ask
from prepaid.stores.models import Staff
from prepaid.web.access import StaffRequest, in_the_office
from prepaid.web.named import name_of, reads_chinese

SOURCES = (
    ("v", gettext_lazy("Read in the source")),
    ("s", gettext_lazy("Second-hand")),
    ("c", gettext_lazy("To be checked")),
)


class RuleForm(forms.Form):
    """A rule from a date on, in both languages."""

    id = forms.UUIDField(widget=forms.HiddenInput)
    transaction_id = forms.UUIDField(widget=forms.HiddenInput)
    rule_set = forms.ModelChoiceField(queryset=RuleSet.objects.all(), label=gettext_lazy("Rule set"))
    field = forms.ChoiceField(label=gettext_lazy("Rule"))
    value = forms.CharField(
        label=pgettext_lazy("rule", "Value"),
        max_length=300,
        help_text=gettext_lazy(
            "As JSON: 500000 for an amount in the smallest unit, true or false; null ends the rule."
        ),
    )
    effective_from = forms.DateField(
        label=gettext_lazy("From"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    article = forms.CharField(label=gettext_lazy("Article"), max_length=120)
    article_zh = forms.CharField(label=gettext_lazy("Article in Chinese"), max_length=120)
    source = forms.ChoiceField(label=gettext_lazy("How certain it is"), choices=SOURCES)
    text = forms.CharField(label=gettext_lazy("What it says"), max_length=300)
    text_zh = forms.CharField(label=gettext_lazy("What it says, in Chinese"), max_length=300)
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=200)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Offer sets and rules by their names in the language of the page."""
        super().__init__(*args, **kwargs)
        named = "zh" if reads_chinese() else "en"
        self.fields["field"].choices = [(each.name, getattr(each, named)) for each in FIELDS]  # type: ignore[attr-defined]
        self.fields["rule_set"].label_from_instance = name_of  # type: ignore[attr-defined]
        for each in self.fields.values():
            each.widget.attrs["autocomplete"] = "off"

    def clean(self) -> dict[str, Any]:
        """Refuse a value that its rule cannot have."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if "value" in cleaned and "field" in cleaned:
            try:
                cleaned["value"] = json.loads(cleaned["value"])
                check_rule(cleaned["field"], cleaned["value"])
            except (ValueError, RuleInvalid):
                self.add_error("value", _("This rule does not take such a value."))
        return cleaned


@never_cache
@require_http_methods(["GET", "POST"])
@in_the_office
def ask_rule_change(request: StaffRequest, staff: Staff) -> HttpResponse:
    """Ask for what a rule shall say from a date on."""
    if request.method == "GET":
        rule_set = RuleSet.objects.filter(code=request.GET.get("set", "")).first()
        first = {"id": uuid7(), "transaction_id": uuid7(), "rule_set": rule_set, "source": "c"}
        return render(request, "returns/rule_change.html", {"form": RuleForm(initial=first)})
    form = RuleForm(request.POST)
    if form.is_valid():
        asked = dict(form.cleaned_data)
        ids = {"approval_id": asked.pop("id"), "transaction_id": asked.pop("transaction_id")}
        reason, rule_set = asked.pop("reason"), asked.pop("rule_set")
        try:
            change = RuleChange(rule_set_id=rule_set.id, **asked)
            ask(change, staff=staff, reason=reason, at=timezone.now(), **ids)
        except TryAgain:
            form.add_error(None, _("No answer yet. Send it again: it is never done twice."))
        except (IdReused, ApprovalError):
            form.add_error(None, _("This is asked for already. Nothing was changed."))
        else:
            messages.success(
                request, _("Asked for. Nothing has changed yet: another manager decides within two days.")
            )
            return redirect("approvals")
    return render(request, "returns/rule_change.html", {"form": form}, status=422)
