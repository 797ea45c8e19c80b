"""The rule sets as they stand on a day, what comes, and the interest rates.

Knows how values read; must not change a rule.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from prepaid.cards.models import InterestRate, Program, Rule, RuleSet
from prepaid.cards.rules.fields import FIELD_OF
from prepaid.cards.rules.in_force import list_coming, rules_in_force
from prepaid.money import Money, format_amount
from prepaid.stores.models import Staff
from prepaid.web.access import StaffRequest, in_the_office
from prepaid.web.named import reads_chinese


@dataclass(frozen=True, slots=True)
class Told:
    """A rule as it is read: its field and its value in words."""

    rule: Rule
    name: str
    value: str


@never_cache
@require_GET
@in_the_office
def rules(request: StaffRequest, staff: Staff) -> HttpResponse:
    """Show one rule set as it stands on a day, with what comes after it."""
    try:
        on = parse_date(request.GET.get("on", "")) or timezone.localdate()
    except ValueError:
        on = timezone.localdate()
    sets = list(RuleSet.objects.all())
    used = Program.objects.exclude(rule_set=None).values_list("rule_set__code", flat=True).first()
    wanted = request.GET.get("set") or used
    shown = next((each for each in sets if each.code == wanted), sets[0] if sets else None)
    in_force = rules_in_force(shown.id, on) if shown else {}
    context = {
        "sets": sets,
        "shown": shown,
        "on": on,
        "told": [_told(in_force[name], shown) for name in FIELD_OF if shown and name in in_force],
        "coming": [_told(rule, shown) for rule in list_coming(shown.id, on)] if shown else [],
        "programs": Program.objects.filter(rule_set=shown) if shown else [],
        "rates": InterestRate.objects.filter(effective_from__lte=on)
        .order_by("code", "-effective_from", "-revision")
        .distinct("code"),
    }
    return render(request, "returns/rules.html", context)


def _told(rule: Rule, shown: RuleSet) -> Told:
    field = FIELD_OF[rule.field]
    name = field.zh if reads_chinese() else field.en
    return Told(rule, name, _value(field.unit, rule.value, shown.currency))


def _value(unit: str, value: Any, currency: str) -> str:
    """Write a value that is one figure or a yes or no; of the others the rule's own words say enough."""
    if value is None:
        return _("ended")
    if unit == "yes_no":
        return _("yes") if value else _("no")
    if type(value) is not int:
        return ""
    if unit == "amount" and currency:
        return format_amount(Money(value, currency))
    units = {
        "days": ngettext("%(count)d day", "%(count)d days", value),
        "months": ngettext("%(count)d month", "%(count)d months", value),
        "years": ngettext("%(count)d year", "%(count)d years", value),
        "percent": "%(count)d %%",
    }
    return units.get(unit, "%(count)d") % {"count": value}
