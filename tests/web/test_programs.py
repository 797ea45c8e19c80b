"""The office's programs: every term is told, in words, to managers."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils.translation import override

from prepaid.cards.models import Offer, Program
from prepaid.cards.rules.models import RuleSet
from prepaid.web.office.programs import list_terms
from tests.web.conftest import Desk, open_desk

# What names a program stands in its heading, and is no term.
NAMES = {"id", "code", "name", "name_zh", "currency", "number_prefix"}
ALLOWED = ["number", "uid", "pay_code"]


@pytest.fixture
def manager(db: None) -> Desk:
    return open_desk(role="manager")


def told(program: Program, offers: list[Offer] | None = None) -> str:
    return "\n".join(
        line for term in list_terms(program, offers or [], {}, money="CNY") for line in term.lines
    )


def other_than(field: Any, program: Program) -> Any:
    if field.name == "rule_set":
        return RuleSet(name="Law of the sea")
    if field.name == "allowed_credentials":
        return ["sun"]
    if field.name == "scope_store_ids":
        return []
    if field.choices:
        return next(value for value, _ in field.choices if value != getattr(program, field.name))
    return not field.default if field.get_internal_type() == "BooleanField" else 77_700


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_each_term_of_a_program_changes_what_is_told_of_it(language: str) -> None:
    with override(language):
        for field in Program._meta.concrete_fields:
            if field.name in NAMES:
                continue
            currency = "XVS" if field.name == "unit_price" else "CNY"
            program = Program(currency=currency, allowed_credentials=ALLOWED)
            before = told(program)
            setattr(program, field.name, other_than(field, program))
            assert told(program) != before, field.name


def test_terms_are_told_with_their_amounts_and_offers(manager: Desk) -> None:
    program = manager.shop.program
    Program.objects.filter(pk=program.pk).update(
        load_single_max=500_000,
        redeem_single_max=None,
        redeem_day_max=None,
        hold_days=3,
        adjust_alone_max=10_000,
    )

    page = manager.client().get("/office/programs").content.decode()

    for said in (
        "Up to ¥5,000.00 at once.",
        "A hold of the counter lasts 3 days.",
        "Correction: above ¥100.00.",
    ):
        assert said in page, said
    assert "/cards/program/" not in page
    manager.user.is_staff = manager.user.is_superuser = True
    manager.user.save()
    assert f"/cards/program/{program.pk}/change/" in manager.client().get("/office/programs").content.decode()


def test_programs_are_for_managers(db: None) -> None:
    assert open_desk().client().get("/office/programs").status_code == 403
