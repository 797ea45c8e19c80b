"""Cards issued by command: the secrets are printed once, and they open the card."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from prepaid.cards.models import Card, Program
from prepaid.cards.presentation import present
from prepaid.identifiers import uuid7
from prepaid.stored_value.inquire import inquire
from prepaid.stored_value.requests import origin_of_till
from prepaid.stores.models import Till
from prepaid.stores.opening import open_store
from terminals import messages
from tests.shop import NOON, assert_ledger_is_clean, figures

pytestmark = pytest.mark.django_db


@pytest.fixture
def till() -> Till:
    store = open_store("0001", "Riverside", currency="CNY", tills=("Counter 1",))
    terms: dict[str, Any] = {"currency": "CNY", "allowed_credentials": ["number", "sun", "qr"]}
    Program.objects.create(code="0GIFT", name="Gift", load_single_max=50_000, **terms)
    Program.objects.create(code="0TAP", name="Tap only", currency="CNY", allowed_credentials=["sun"])
    return store.tills.select_related("store").get()


def issue(*words: str) -> dict[str, Any]:
    out = io.StringIO()
    call_command("issue_card", *words, "--json", stdout=out)
    told: dict[str, Any] = json.loads(out.getvalue())
    return told


def balance(till: Till, card: messages.Card) -> int:
    return inquire(origin_of_till(till), present(card), at=NOON).balance_minor


def test_issued_card_opens_by_number_and_by_printed_code(till: Till) -> None:
    told = issue("--amount", "1250", "--holder", "王小雨")

    assert list(told) == [
        "number",
        "pin",
        "qr",
        "balance",
        "currency",
        "program",
        "card_id",
        "number_masked",
    ]
    assert (told["balance"], told["currency"], told["program"]) == (1250, "CNY", "0GIFT")
    assert told["number_masked"] == f"•••• {told['number'][-4:]}"
    assert balance(till, messages.NumberCard(number=told["number"], pin=told["pin"])) == 1250
    assert balance(till, messages.QrCard(code=told["qr"])) == 1250
    card = Card.objects.select_related("account__holder").get(pk=told["card_id"])
    assert (card.state, card.account.holder and card.account.holder.name) == ("active", "王小雨")
    assert_ledger_is_clean()


def test_card_without_an_amount_has_nothing_on_it(till: Till) -> None:
    told = issue()

    assert told["balance"] == 0
    assert balance(till, messages.QrCard(code=told["qr"])) == 0


def test_card_of_a_named_program_has_the_secrets_of_that_program(till: Till) -> None:
    told = issue("--program", "0TAP")

    assert (told["program"], told["number"], told["pin"], told["qr"]) == ("0TAP", None, None, None)


def test_each_card_has_secrets_of_its_own(till: Till) -> None:
    one, other = issue(), issue()

    assert not [name for name in ("number", "qr", "card_id") if one[name] == other[name]]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--amount", "50001"), r"Over the limit.*\(limit_single\) No card was issued\."),
        (("--amount", "-1"), "An amount is 0 to 1000000000000 minor units"),
        (("--amount", "1000000000001"), "An amount is 0 to 1000000000000 minor units"),
        (("--amount", "12.50"), "invalid int value"),
        (("--program", "NOPE"), "There is no program NOPE"),
    ],
)
def test_card_that_cannot_be_issued_leaves_nothing(
    till: Till, words: tuple[str, ...], complaint: str
) -> None:
    before = figures(), Card.objects.count()

    with pytest.raises(CommandError, match=complaint):
        issue(*words)

    assert (figures(), Card.objects.count()) == before


def test_program_that_no_store_takes_issues_no_card(till: Till) -> None:
    Program.objects.filter(code="0GIFT").update(scope_store_ids=[uuid7()])

    with pytest.raises(CommandError, match="No store with a till takes cards of program 0GIFT"):
        issue()


def test_for_people_the_secrets_are_printed_in_groups(till: Till) -> None:
    out = io.StringIO()
    call_command("issue_card", "--amount", "1250", stdout=out)

    lines = dict(line.split(maxsplit=1) for line in out.getvalue().splitlines()[:-1])
    number = messages.NumberCard(number=lines["number"], pin=lines["pin"])
    assert len(lines["number"].split()) == 4
    assert len(lines["qr"].split()) == 5
    assert balance(till, number) == 1250
    assert out.getvalue().endswith("Number, PIN and printed code are not shown again.\n")
