"""Rule sets: the files, their shapes, which rule is in force on a day, and changing one by command."""

from __future__ import annotations

import json
from datetime import date
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone

from prepaid.cards.identity import identify
from prepaid.cards.models import Account, Rule, RuleSet
from prepaid.cards.rules.fields import FIELD_OF, FIELDS, RuleInvalid, check_rule
from prepaid.cards.rules.in_force import (
    RateUnknown,
    change_rate,
    list_coming,
    rate_in_force,
    rules_in_force,
)
from prepaid.cards.rules.presets import list_preset_files, read_preset
from prepaid.stored_value.approvals.listing import list_pending
from prepaid.stored_value.approvals.service import approve
from tests.cards.test_identity import RESIDENT_ID, WANG
from tests.shop import NOON, open_shop
from tests.stored_value.people import hire

# The fields that the rules of a programme are stated in, one by one.
KNOWN = [
    "max_balance",
    "max_single_load",
    "max_daily_load",
    "max_daily_purchase_per_buyer",
    "identity_required_when",
    "cash_forbidden_from",
    "expiry_allowed",
    "min_validity",
    "reactivation_required",
    "cooling_off_days",
    "refund_allowed",
    "refund_formula",
    "refund_deadline_days",
    "refund_channel",
    "small_balance_cashout",
    "dormancy_fee",
    "transfer_allowed",
    "replace_lost",
    "prefund_cap_pct_revenue",
    "custody_ratios",
    "filing_trigger",
    "report_calendar",
    "retention_years",
    "closure_notice_days",
    "acceptance_scope",
    "breakage_policy",
    "escheat_policy",
]


def test_every_field_has_a_name_in_both_languages() -> None:
    assert [field.name for field in FIELDS] == KNOWN
    assert all(field.en and field.zh for field in FIELDS)


@pytest.mark.parametrize("path", list_preset_files(), ids=lambda path: path.stem)
def test_a_preset_says_each_rule_in_both_languages_with_article_and_source(path: Any) -> None:
    preset = read_preset(path)

    assert preset["code"] == path.stem
    names = [rule["field"] for rule in preset["rule"]]
    assert len(set(names)) == len(names)
    for rule in preset["rule"]:
        assert rule["field"] in FIELD_OF
        assert rule["source"] in ("v", "s", "c")
        assert rule["article"]
        assert rule["en"].endswith(".")
        assert rule["zh"].endswith("。")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("max_balance", -1),
        ("max_balance", 1.5),
        ("max_balance", "500000"),
        ("max_balance", True),
        ("expiry_allowed", 0),
        ("cash_forbidden_from", {"child": 1}),
        ("cash_forbidden_from", {}),
        ("identity_required_when", {"any_load": False}),
        ("refund_formula", ["art17"]),
        ("small_balance_cashout", {"below_cheapest_item": False}),
        ("breakage_policy", ""),
        ("max_colour", 1),
    ],
)
def test_a_value_of_another_shape_is_refused(field: str, value: object) -> None:
    with pytest.raises(RuleInvalid):
        check_rule(field, value)


@pytest.mark.django_db
def test_the_presets_hold_the_facts() -> None:
    def facts(code: str) -> dict[str, Any]:
        rules = rules_in_force(RuleSet.objects.get(code=code).id, date(2026, 11, 23))
        return {name: rule.value for name, rule in rules.items()}

    registered, bearer, beijing = (
        facts(f"cn_{code}") for code in ("registered", "bearer", "beijing_registered")
    )
    assert (registered["max_balance"], registered["expiry_allowed"]) == (500_000, False)
    assert (bearer["max_balance"], bearer["min_validity"]) == (100_000, 36)
    assert registered["cash_forbidden_from"] == {"person": 5_000_000, "organisation": 500_000}
    assert bearer["identity_required_when"] == {"day_from": 1_000_000}
    assert registered["replace_lost"] is True
    assert "replace_lost" not in bearer
    assert beijing["refund_deadline_days"] == {"unused": 5, "used": 15}
    assert beijing["max_balance"] == 500_000
    assert facts("us")["small_balance_cashout"] == {"below": 1_500}
    assert facts("jp")["refund_allowed"] is False


@pytest.mark.django_db
def test_a_rule_is_in_force_from_its_date_on() -> None:
    us = RuleSet.objects.get(code="us")

    assert "small_balance_cashout" not in rules_in_force(us.id, date(2026, 3, 31))
    assert "small_balance_cashout" in rules_in_force(us.id, date(2026, 4, 1))
    assert [rule.field for rule in list_coming(us.id, date(2026, 3, 31))] == ["small_balance_cashout"]
    assert rules_in_force(None, date(2026, 4, 1)) == {}


@pytest.mark.django_db
def test_a_rate_is_that_of_the_day() -> None:
    assert rate_in_force("cny_lpr_1y", date(2025, 5, 19)).rate_ppm == 31_000
    assert rate_in_force("cny_lpr_1y", date(2025, 5, 20)).rate_ppm == 30_000
    corrected = {"article": "PBOC", "article_zh": "PBOC", "source": "v", "by": "test", "at": NOON}
    change_rate(code="cny_lpr_1y", effective_from=date(2025, 5, 20), rate_ppm=30_500, **corrected)  # type: ignore[arg-type]
    assert rate_in_force("cny_lpr_1y", date(2025, 5, 20)).rate_ppm == 30_500
    with pytest.raises(RateUnknown):
        rate_in_force("cny_lpr_1y", date(2019, 8, 19))


CHANGE = {
    "--rule-set": "cn_bearer",
    "--field": "max_balance",
    "--value": "200000",
    "--from": "2027-01-01",
    "--article": "MOFCOM Order 1 of 2027",
    "--source": "v",
    "--en": "A bearer card holds at most 2,000 CNY.",
    "--zh": "单张不记名卡余额不得超过 2,000 元。",
}


def command(**changed: str) -> str:
    out = StringIO()
    asked = CHANGE | {f"--{name.replace('_', '-')}": value for name, value in changed.items()}
    asked.setdefault("--by", hire(open_shop()).code)
    call_command("change_rule", *[part for pair in asked.items() for part in pair], stdout=out)
    return out.getvalue()


@pytest.mark.django_db
def test_a_rule_asked_for_by_command_waits_for_another_manager_and_begins_on_its_date() -> None:
    bearer, second = RuleSet.objects.get(code="cn_bearer").id, hire(open_shop())
    before = Rule.objects.count()

    assert "nothing is recorded yet, a manager other than" in command()
    command(value="150000")

    assert Rule.objects.count() == before
    for asked in list_pending(timezone.now()).order_by("id"):
        approve(asked.id, staff=second, at=timezone.now())
    assert rules_in_force(bearer, date(2026, 12, 31))["max_balance"].value == 100_000
    # Of one date the higher revision counts.
    assert rules_in_force(bearer, date(2027, 1, 1))["max_balance"].value == 150_000


@pytest.mark.django_db
@pytest.mark.parametrize(
    "changed",
    [
        {"rule_set": "none"},
        {"by": "nobody"},
        {"field": "max_colour"},
        {"value": "2.5"},
        {"value": "{"},
        {"en": ""},
    ],
)
def test_a_change_that_is_not_whole_is_refused(changed: dict[str, str]) -> None:
    before = Rule.objects.count()

    with pytest.raises(CommandError):
        command(**changed)
    assert (Rule.objects.count(), list_pending(timezone.now()).count()) == (before, 0)


@pytest.mark.django_db
def test_the_register_of_identities_tells_whole_numbers_to_who_has_the_keys() -> None:
    account = Account.objects.create(program=open_shop().program)
    identify(account.id, WANG, by="mei", at=NOON)
    out = StringIO()

    call_command("identity_register", "--from", "2026-11-23", "--to", "2026-11-23", stdout=out)

    rows = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [
        (row["name"], row["number"], row["recorded_by"]) for row in rows if row["number"] == RESIDENT_ID
    ] == [("Wang Fang", RESIDENT_ID, "mei")]
