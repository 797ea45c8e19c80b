"""The presets: rule sets and interest rates as files beside this one; loading them is safe to repeat.

Knows the files' form; must not change a row that stands: what is recorded already is kept.
"""

from __future__ import annotations

import tomllib
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db import transaction

from prepaid.cards.rules.fields import check_rule
from prepaid.cards.rules.models import InterestRate, Rule, RuleSet

FOLDER = Path(__file__).resolve().parent / "presets"
RATES_FILE = FOLDER / "rates.toml"
RECORDED_BY = "preset"
SET_FIELDS = ("name", "name_zh", "jurisdiction", "card_class", "currency")


def load_presets(
    *, at: datetime, RuleSet: Any = RuleSet, Rule: Any = Rule, InterestRate: Any = InterestRate
) -> tuple[int, int]:
    """Record every preset that is not recorded yet; give how many rules and rates that added.

    A migration passes the models as they were at its time.
    """
    with transaction.atomic():
        rules = sum(_load_set(read_preset(path), at, RuleSet, Rule) for path in list_preset_files())
        return rules, _load_rates(at, InterestRate)


def list_preset_files() -> list[Path]:
    """List the files of rule sets, in the order of their names."""
    return sorted(path for path in FOLDER.glob("*.toml") if path != RATES_FILE)


def read_preset(path: Path) -> dict[str, Any]:
    """Read a rule set's file; where it names a `base`, with the base's rules of the fields that it has not.

    Raises RuleInvalid.
    """
    preset = tomllib.loads(path.read_text(encoding="utf-8"))
    for rule in preset["rule"]:
        check_rule(rule["field"], rule.get("value"))
    if "base" in preset:
        own = {rule["field"] for rule in preset["rule"]}
        base = read_preset(path.with_name(f"{preset['base']}.toml"))
        preset["rule"] = [rule for rule in base["rule"] if rule["field"] not in own] + preset["rule"]
    return preset


def _load_set(preset: dict[str, Any], at: datetime, RuleSet: Any, Rule: Any) -> int:
    named = {field: preset[field] for field in SET_FIELDS}
    rule_set, _ = RuleSet.objects.get_or_create(code=preset["code"], defaults=named)
    stands = set(rule_set.rules.values_list("field", "effective_from", "revision"))
    new = [
        Rule(
            rule_set=rule_set,
            field=rule["field"],
            effective_from=rule["from"],
            revision=rule.get("revision", 1),
            value=rule.get("value"),
            article=rule["article"],
            article_zh=rule.get("article_zh", rule["article"]),
            source=rule["source"],
            text=rule["en"],
            text_zh=rule["zh"],
            recorded_at=at,
            recorded_by=RECORDED_BY,
        )
        for rule in preset["rule"]
        if (rule["field"], rule["from"], rule.get("revision", 1)) not in stands
    ]
    Rule.objects.bulk_create(new, ignore_conflicts=True)
    return len(new)


def _load_rates(at: datetime, InterestRate: Any) -> int:
    stands = set(InterestRate.objects.values_list("code", "effective_from", "revision"))
    new = [
        InterestRate(
            code=rate["code"],
            effective_from=step["from"],
            revision=step.get("revision", 1),
            rate_ppm=step["ppm"],
            article=rate["article"],
            article_zh=rate.get("article_zh", rate["article"]),
            source=rate["source"],
            recorded_at=at,
            recorded_by=RECORDED_BY,
        )
        for rate in tomllib.loads(RATES_FILE.read_text(encoding="utf-8"))["rate"]
        for step in rate["steps"]
        if (rate["code"], step["from"], step.get("revision", 1)) not in stands
    ]
    InterestRate.objects.bulk_create(new, ignore_conflicts=True)
    return len(new)
