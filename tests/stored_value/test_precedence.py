"""Why a redeem or a load is declined: one table in the order of precedence, one changed thing per row."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from itertools import combinations
from typing import Any
from uuid import UUID

import pytest

from prepaid.cards.models import Card, Credential, Program
from prepaid.cards.presentation import Presentation
from prepaid.money import Money
from prepaid.stored_value.answers import Answer
from prepaid.stored_value.hold import hold
from prepaid.stored_value.load import load
from prepaid.stored_value.reasons import PRECEDENCE, REASONS, UNUSABLE_EN, reason_of
from prepaid.stored_value.redeem import redeem
from tests.shop import NOON, HeldCard, Shop, assert_ledger_is_clean, figures, open_shop

pytestmark = pytest.mark.django_db
RIGHT, WRONG = b"r" * 32, b"w" * 32
YESTERDAY = (NOON - timedelta(days=1)).date()


@dataclass(frozen=True, kw_only=True)
class Row:
    """A reason, and what is changed about an ordinary transaction to get it."""

    reason: str
    ask: dict[str, Any] = field(default_factory=dict)
    card: dict[str, Any] = field(default_factory=dict)
    program: dict[str, Any] = field(default_factory=dict)
    credential: dict[str, Any] = field(default_factory=dict)
    held: int = 0

    def clashes_with(self, other: Row) -> bool:
        parts = ("ask", "card", "program", "credential")
        return any(set(getattr(self, part)) & set(getattr(other, part)) for part in parts)


# The ordinary redeem is of 3,000 by number and PIN from a balance of 4,000.
REDEEMS = [
    Row(reason="card_unknown", ask={"lookup": b"u" * 32}),
    Row(reason="credential_refused", program={"allowed_credentials": ["sun"]}),
    Row(reason="card_not_active", card={"state": Card.State.ISSUED}),
    Row(reason="card_blocked", card={"state": Card.State.BLOCKED}),
    Row(reason="card_lost", card={"state": Card.State.LOST}),
    Row(reason="card_expired", card={"expires_on": YESTERDAY}),
    Row(reason="card_closed", card={"state": Card.State.CLOSED}),
    Row(reason="out_of_scope", program={"scope_store_ids": [UUID(int=7)]}),
    Row(reason="currency_mismatch", ask={"currency": "USD"}),
    Row(reason="limit_single", program={"redeem_single_max": 2_999}),
    Row(reason="limit_day", program={"redeem_day_max": 2_999}),
    Row(reason="limit_day", program={"redeem_month_max": 2_999}),
    Row(reason="pin_required", ask={"pin": None}),
    Row(reason="pin_wrong", ask={"pin": WRONG}),
    Row(reason="pin_locked", credential={"pin_failures": 5}),
    Row(reason="insufficient_because_of_hold", held=1_500),
    Row(reason="insufficient_funds", ask={"amount": 4_500}),
]
# The ordinary load is of 3,000 by number onto a balance of 4,000.
LOADS = [
    *REDEEMS[:9],
    Row(reason="limit_single", program={"load_single_max": 2_999}),
    Row(reason="limit_day", program={"load_day_max": 2_999}),
    Row(reason="limit_day", program={"load_month_max": 2_999}),
    Row(reason="limit_day", program={"loads_day_max": 0}),
    Row(reason="limit_balance", program={"balance_max": 6_999}),
]


def ordinary_card() -> tuple[Shop, HeldCard]:
    shop = open_shop()
    held = shop.card(method="number", pin=RIGHT)
    assert shop.load_at_desk(held, 4_000, recorded_at=NOON - timedelta(days=1)).approved
    return shop, held


def change(shop: Shop, held: HeldCard, row: Row) -> None:
    for model, pk, fields in (
        (Card, held.card.pk, row.card),
        (Program, shop.program.pk, row.program),
        (Credential, held.credential.pk, row.credential),
    ):
        if fields:
            model._default_manager.filter(pk=pk).update(**fields)
    if row.held:
        desk = Presentation(method="desk", card_id=held.card.id)
        assert hold(
            shop.request(), desk, Money(row.held, "CNY"), expires_at=NOON + timedelta(days=1)
        ).approved


def ask(kind: str, shop: Shop, held: HeldCard, **asked: Any) -> Answer:
    presentation = Presentation(
        method="number",
        lookup=asked.get("lookup", bytes(held.credential.lookup)),
        pin_mac=asked.get("pin", RIGHT),
    )
    amount = Money(asked.get("amount", 3_000), asked.get("currency", "CNY"))
    if kind == "load":
        return load(shop.request(), presentation, amount, tender="cash")
    return redeem(shop.request(), presentation, amount)


@pytest.mark.parametrize("kind", ["redeem", "load"])
def test_ordinary_transaction_is_approved(kind: str) -> None:
    shop, held = ordinary_card()

    answer = ask(kind, shop, held)

    assert (answer.outcome, answer.reason, answer.approved_minor) == ("approved", None, 3_000)
    assert held.balance() == {"redeem": 1_000, "load": 7_000}[kind]
    assert_ledger_is_clean()


@pytest.mark.parametrize(
    ("kind", "row"),
    [("redeem", row) for row in REDEEMS] + [("load", row) for row in LOADS],
    ids=lambda value: value if isinstance(value, str) else value.reason,
)
def test_one_changed_thing_is_declined_with_its_reason_and_moves_nothing(kind: str, row: Row) -> None:
    shop, held = ordinary_card()
    change(shop, held, row)
    before = figures()

    answer = ask(kind, shop, held, **row.ask)

    assert (answer.outcome, answer.reason, answer.approved_minor, answer.hash) == (
        "declined",
        row.reason,
        0,
        None,
    )
    assert figures() == before
    assert_ledger_is_clean()


@pytest.mark.parametrize(
    ("kind", "first", "second"),
    [
        (kind, first, second)
        for kind, rows in (("redeem", REDEEMS), ("load", LOADS))
        for first, second in combinations(rows, 2)
        if not first.clashes_with(second) and (first.reason, second.reason) != ("pin_wrong", "pin_locked")
        and not (first.held and second.reason == "insufficient_funds")
    ],
    ids=lambda value: value if isinstance(value, str) else value.reason,
)  # fmt: skip
def test_of_two_changed_things_the_earlier_reason_is_given(kind: str, first: Row, second: Row) -> None:
    shop, held = ordinary_card()
    for row in sorted((first, second), key=lambda row: -row.held):
        change(shop, held, row)

    answer = ask(kind, shop, held, **second.ask, **first.ask)

    assert answer.reason == first.reason


def test_a_locked_pin_answers_alike_for_right_and_wrong() -> None:
    shop, held = ordinary_card()
    Credential.objects.filter(pk=held.credential.pk).update(pin_failures=5)

    assert [ask("redeem", shop, held, pin=pin).reason for pin in (RIGHT, WRONG)] == [
        "pin_locked",
        "pin_locked",
    ]


def test_the_right_pin_forgets_the_wrong_ones() -> None:
    shop, held = ordinary_card()

    reasons = [
        ask("redeem", shop, held, pin=pin, amount=100).reason
        for pin in [WRONG] * 4 + [RIGHT] + [WRONG] * 4 + [RIGHT]
    ]

    assert reasons == ["pin_wrong"] * 4 + [None] + ["pin_wrong"] * 4 + [None]


def test_hold_that_takes_all_is_told_apart_from_too_little() -> None:
    shop, held = ordinary_card()
    change(shop, held, Row(reason="", held=4_000))

    assert ask("redeem", shop, held, amount=4_000).reason == "insufficient_because_of_hold"
    assert ask("redeem", shop, held, amount=4_001).reason == "insufficient_funds"


def test_the_table_is_the_contract_s_order_of_reasons() -> None:
    rows = [row.reason for row in REDEEMS]

    assert rows == sorted(rows, key=PRECEDENCE.index)
    assert [reason.code for reason in REASONS] == list(PRECEDENCE)
    assert len(set(PRECEDENCE)) == 23


def test_sentences_say_that_no_money_moved_in_both_languages() -> None:
    for reason in REASONS:
        assert "o money was moved" in reason.en, reason.code
        assert "未扣款" in reason.zh or "未动账" in reason.zh, reason.code
    assert reason_of("card_unknown").en == UNUSABLE_EN
