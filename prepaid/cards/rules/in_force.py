"""Which rules are in force on a business date, and how a change of one is recorded.

Knows dates and revisions; must not know what a rule does to value, which stored_value decides.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Max

from prepaid.cards.errors import CardError
from prepaid.cards.models import Program
from prepaid.cards.rules.fields import RuleInvalid, check_rule
from prepaid.cards.rules.models import InterestRate, Rule, RuleSet, Source


class RateUnknown(CardError):
    """No interest rate is recorded for the day."""

    code = "rate_unknown"


class RuleRefused(CardError):
    """A rule in force forbids it; nothing was done. `rule` says which."""

    code = "rule_refused"

    def __init__(self, rule: Rule) -> None:
        super().__init__(f"{rule.text} ({rule.article})")
        self.rule = rule


def rules_in_force(rule_set_id: UUID | None, on: date) -> dict[str, Rule]:
    """Give the rules of a set that are in force on a business date, by field. Ended ones are left out.

    The latest date decides, then the highest revision. Source: ADR 0045.
    """
    if rule_set_id is None:
        return {}
    rules = Rule.objects.filter(rule_set_id=rule_set_id, effective_from__lte=on)
    latest = rules.order_by("field", "-effective_from", "-revision").distinct("field")
    return {rule.field: rule for rule in latest if rule.value is not None}


def list_coming(rule_set_id: UUID, after: date) -> list[Rule]:
    """List the rules that begin after a business date, in the order in which they do."""
    coming = Rule.objects.filter(rule_set_id=rule_set_id, effective_from__gt=after)
    return list(coming.order_by("effective_from", "field", "revision"))


def refuse_terms(program: Program, on: date) -> None:
    """Refuse to issue under terms that the rules in force forbid: expiry, and validity that is too short.

    Raises RuleRefused.
    """
    rules = rules_in_force(program.rule_set_id, on)
    for months in (program.card_valid_months, program.value_valid_months):
        if months is None:
            continue
        allowed, shortest = rules.get("expiry_allowed"), rules.get("min_validity")
        if allowed is not None and allowed.stated is False:
            raise RuleRefused(allowed)
        if shortest is not None and months < shortest.stated:
            raise RuleRefused(shortest)


def refuse_replacement(rule_set_id: UUID | None, on: date) -> None:
    """Refuse to replace a lost card where the rules in force forbid it. Raises RuleRefused."""
    rule = rules_in_force(rule_set_id, on).get("replace_lost")
    if rule is not None and rule.stated is False:
        raise RuleRefused(rule)


def asks_identity_at_any_load(rule_set_id: UUID | None, on: date) -> Rule | None:
    """Find the rule by which nothing is loaded before the holder's identity is recorded."""
    rule = rules_in_force(rule_set_id, on).get("identity_required_when")
    return rule if rule is not None and rule.stated.get("any_load") else None


def rate_in_force(code: str, on: date) -> InterestRate:
    """Find a yearly interest rate as it stood on a day. Raises RateUnknown."""
    rates = InterestRate.objects.filter(code=code, effective_from__lte=on)
    found = rates.order_by("-effective_from", "-revision").first()
    if found is None:
        raise RateUnknown(f"No rate {code} is recorded for {on}: add it with the command change_rate.")
    return found


def change_rule(
    *,
    rule_set: RuleSet,
    field: str,
    value: Any,
    effective_from: date,
    article: str,
    article_zh: str,
    source: str,
    text: str,
    text_zh: str,
    by: str,
    at: datetime,
) -> Rule:
    """Record a rule from a date on; of a date that has one, as its next revision. Nothing is overwritten.

    Raises RuleInvalid.
    """
    refuse_unwhole(field, value, source=source, says=(article, article_zh, text, text_zh))
    same = Rule.objects.filter(rule_set=rule_set, field=field, effective_from=effective_from)
    last = same.aggregate(last=Max("revision"))["last"] or 0
    try:
        with transaction.atomic():
            return Rule.objects.create(
                rule_set=rule_set,
                field=field,
                effective_from=effective_from,
                revision=last + 1,
                value=value,
                article=article,
                article_zh=article_zh,
                source=source,
                text=text,
                text_zh=text_zh,
                recorded_at=at,
                recorded_by=by,
            )
    except IntegrityError as error:
        raise RuleInvalid("Somebody else changed this rule just now. Nothing was recorded.") from error


def refuse_unwhole(field: str, value: Any, *, source: str, says: tuple[str, ...]) -> None:
    """Refuse a rule that does not say all; `says` are its article and text in both languages.

    Raises RuleInvalid.
    """
    check_rule(field, value)
    if source not in Source.values:
        raise RuleInvalid(f"A source is one of {', '.join(Source.values)}. Nothing was recorded.")
    if not all(says):
        raise RuleInvalid("A rule says itself and its article in both languages. Nothing was recorded.")


def change_rate(
    *,
    code: str,
    effective_from: date,
    rate_ppm: int,
    article: str,
    article_zh: str,
    source: str,
    by: str,
    at: datetime,
) -> InterestRate:
    """Record a yearly rate, in millionths, from a date on; of a date that has one, as its next revision.

    Raises RuleInvalid.
    """
    if source not in Source.values or not 0 <= rate_ppm <= 1_000_000 or not (article and article_zh):
        raise RuleInvalid("A rate is 0 to 1,000,000 millionths, with its article and source v, s or c.")
    same = InterestRate.objects.filter(code=code, effective_from=effective_from)
    last = same.aggregate(last=Max("revision"))["last"] or 0
    return InterestRate.objects.create(
        code=code,
        effective_from=effective_from,
        revision=last + 1,
        rate_ppm=rate_ppm,
        article=article,
        article_zh=article_zh,
        source=source,
        recorded_at=at,
        recorded_by=by,
    )
