"""A program's terms in words: what each is called, and how its value is read.

Knows words; what a term does is decided by stored value.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from prepaid.cards.models import RuleSet
from prepaid.money import Money, format_amount
from prepaid.stored_value.approvals.payloads import ProgramChange
from prepaid.stores.models import Store
from prepaid.web.named import name_of

TERM_NAMES: dict[str, str | Promise] = {
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
    "loads_day_max": gettext_lazy("Most top-ups in a day"),
    "instrument_loads_day_max": gettext_lazy("Most top-ups in a day by one payer"),
    "low_trust_pin_lifts": gettext_lazy("A PIN lifts the limit of a bare UID"),
    "name": gettext_lazy("Name in English"),
    "name_zh": gettext_lazy("Name in Chinese"),
    "number_prefix": gettext_lazy("First digits of card numbers"),
    "card_valid_months": gettext_lazy("Months that a card is valid"),
    "value_valid_months": gettext_lazy("Months that value is valid"),
    "consumption_order": gettext_lazy("What is spent first"),
    "allowed_credentials": gettext_lazy("How cards may be shown"),
    "unit_price": gettext_lazy("Price of one unit, in the smallest unit of money"),
    "pin_above": gettext_lazy("A PIN is asked for above"),
    "pay_code_max": gettext_lazy("Most for one purchase by pay code"),
    "challenge_above": gettext_lazy("A card answers a challenge above"),
    "scope_store_ids": gettext_lazy("Stores that take the cards"),
    "rule_set_id": gettext_lazy("Rule set"),
    "moves_to": gettext_lazy("Where value may be moved to"),
    "reactivates_expired": gettext_lazy("An exchange makes expired value spendable again"),
    "capture_tolerance_percent": gettext_lazy("Percent that a capture may go above its hold"),
    "hold_days": gettext_lazy("Days that a hold at the counter lasts"),
    "adjust_alone_max": gettext_lazy("One person corrects a balance up to"),
    "refund_unlinked_alone_max": gettext_lazy("One person refunds without a receipt up to"),
    "unblock_alone_max": gettext_lazy("One person unblocks a card with up to"),
    "limit_change_alone_max": gettext_lazy("One person sets a limit up to"),
    "bulk_issue_alone_max": gettext_lazy("One person approves an order of up to"),
    "bulk_import_alone_max": gettext_lazy("One person brings in a file of up to"),
    "card_return_alone_max": gettext_lazy("One person takes a card back with up to"),
}
# What nothing means, where it does not mean that there is no limit.
NOTHING: dict[str, str | Promise] = {
    "pin_above": gettext_lazy("Never"),
    "challenge_above": gettext_lazy("Never"),
    "scope_store_ids": gettext_lazy("All stores"),
    "rule_set_id": gettext_lazy("No rules"),
    "unit_price": gettext_lazy("No price"),
}
CHOICES: dict[str, str | Promise] = {
    "bonus_first": gettext_lazy("Bonus first"),
    "paid_first": gettext_lazy("Paid value first"),
    "proportional": gettext_lazy("Both in proportion"),
    "any": gettext_lazy("Cards of any program"),
    "same_program": gettext_lazy("Cards of this program"),
    "nothing": gettext_lazy("Nowhere"),
}
COUNTS = ("loads_day_max", "instrument_loads_day_max")


@dataclass(frozen=True, slots=True)
class Change:
    """What changes: its name, before and after as they are read."""

    name: str | Promise
    before: str | Promise
    after: str | Promise


def is_amount(term: str) -> bool:
    """Say whether a term is an amount in the program's currency."""
    return term.endswith(("_max", "_above")) and term not in COUNTS


def list_changes(asked: ProgramChange) -> list[Change]:
    """List what would change of a program, before and after, limits first."""
    return [
        Change(
            TERM_NAMES[term],
            say_term(term, asked.before[term], asked.currency),
            say_term(term, asked.after[term], asked.currency),
        )
        for term in TERM_NAMES
        if term in asked.after
    ]


def say_term(term: str, value: Any, currency: str) -> str | Promise:
    """Say a term's value, as JSON holds it, in the language of the page."""
    if value is None:
        return NOTHING.get(term, _("No limit"))
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    if term == "scope_store_ids":
        return ", ".join(name_of(store) for store in Store.objects.filter(pk__in=value)) or _("None")
    if term == "rule_set_id":
        found = RuleSet.objects.filter(pk=value).first()
        return name_of(found) if found else str(value)
    if isinstance(value, list):
        return ", ".join(value) or _("None")
    if is_amount(term):
        return format_amount(Money(value, currency))
    return CHOICES.get(value, value) if isinstance(value, str) and value else str(value) or "—"
