"""Quotes of a card return: the worked case, its edges, from real ledger rows, and never below zero."""

from __future__ import annotations

import json
from datetime import date, timedelta
from fractions import Fraction
from io import StringIO
from typing import Any
from uuid import UUID

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from hypothesis import given
from hypothesis import strategies as st

from prepaid.cards.models import Card, RuleSet
from prepaid.cards.presentation import at_the_desk
from prepaid.identifiers import uuid7
from prepaid.money import Money
from prepaid.stored_value.approvals.payloads import RefundUnlinked
from prepaid.stored_value.hold import hold
from prepaid.stored_value.quotes import formulas
from prepaid.stored_value.quotes.choices import ChoiceRefused, choose, list_choices
from prepaid.stored_value.quotes.facts import Facts, Load, gather_facts
from prepaid.stored_value.quotes.quote import BRANCHES, Quote, quote_return
from prepaid.stored_value.refund import refund
from tests.shop import NOON, HeldCard, Shop, assert_ledger_is_clean, figures, open_shop
from tests.stored_value.gifts import load_with_gift
from tests.stored_value.people import asked_by, hire
from tests.stored_value.rule_sets import give, identified, rule_set, ruled_shop

TODAY = date(2026, 11, 23)
LONG_AGO = NOON - timedelta(days=60)


def facts(*loads: Load) -> Facts:
    balance = sum(load.paid_left_minor + load.bonus_left_minor for load in loads)
    return Facts(
        account_id=uuid7(),
        currency="CNY",
        on=TODAY,
        position=1,
        balance_minor=balance,
        held_minor=0,
        loads=loads,
    )


def paid(amount: int, gift: int = 0, consumed: int = 0, **changed: Any) -> Load:
    """Make a load of which the gift is consumed first."""
    from_gift = min(consumed, gift)
    values: dict[str, Any] = {
        "loaded_on": TODAY - timedelta(days=30),
        "paid_minor": amount,
        "bonus_minor": gift,
        "consumed_minor": consumed,
        "paid_left_minor": amount - (consumed - from_gift),
        "bonus_left_minor": gift - from_gift,
    }
    return Load(**values | changed)


# (loads, art. 18, art. 19, paid bucket), minor units
BEFORE = {"returned_minor": 25_000, "paid_left_minor": 275_000}
CASES = {
    "the worked case": ([paid(300_000, 100_000, 359_400)], 30_450, 0, 40_600),
    "nothing consumed": ([paid(300_000, 100_000)], 300_000, 300_000, 300_000),
    "all consumed": ([paid(300_000, 100_000, 400_000)], 0, 0, 0),
    "no gift": ([paid(300_000, 0, 100_000)], 200_000, 200_000, 200_000),
    "the gift alone consumed": ([paid(300_000, 100_000, 100_000)], 225_000, 200_000, 300_000),
    "two loads of different ratios": (
        [paid(300_000, 100_000, 200_000), paid(100_000, 0, 50_000)],
        200_000,
        150_000,
        250_000,
    ),
    "the first load used up, the second untouched": (
        [paid(300_000, 100_000, 400_000), paid(100_000)],
        100_000,
        0,
        100_000,
    ),
    "paid out in part before": ([paid(300_000, 100_000, 100_000, **BEFORE)], 200_000, 175_000, 275_000),
    "a half goes to the card holder": ([paid(1, 1, 1)], 1, 0, 1),
    "thirds are rounded once, at the end": ([paid(100, 50, 1)] * 3, 298, 297, 300),
    "no load at all": ([], 0, 0, 0),
}


@pytest.mark.parametrize("case", CASES)
def test_a_return_is_reckoned_by_each_article(case: str) -> None:
    loads, art18, art19, bucket = CASES[case]
    known = facts(*loads)

    assert formulas.at_the_discount(known).refund_minor == art18
    assert formulas.undiscounted(known).refund_minor == art19
    assert formulas.paid_bucket(known).refund_minor == bucket


def test_the_worked_case_prints_its_working() -> None:
    known = facts(paid(300_000, 100_000, 359_400, loaded_on=date(2026, 1, 5)))

    assert [line.en for line in formulas.at_the_discount(known).lines] == [
        "Paid ¥3,000.00 + gift ¥1,000.00 on 2026-01-05",
        "Consumed at the gift ratio: ¥3,594.00 × ¥3,000.00 / ¥4,000.00 = ¥2,695.50",
        "Refund: ¥304.50",
    ]
    assert [line.zh for line in formulas.undiscounted(known).lines] == [
        "2026-01-05 实付 ¥3,000.00，赠送 ¥1,000.00",
        "已消费（原价）：¥3,594.00",
        "−¥594.00 低于零：不退款，也无须补交",
        "应退：¥0.00",
    ]


loads = st.builds(
    lambda amount, gift, share, returned: paid(
        amount, gift, (amount + gift) * share // 100, returned_minor=amount * returned // 100
    ),
    st.integers(1, 10**9),
    st.integers(0, 10**9),
    st.integers(0, 100),
    st.integers(0, 20),
)


@given(st.lists(loads, max_size=4))
def test_a_refund_is_neither_below_zero_nor_above_what_was_paid(made: list[Load]) -> None:
    known = facts(*made)
    discounted, undiscounted = formulas.at_the_discount(known), formulas.undiscounted(known)

    assert 0 <= undiscounted.refund_minor <= discounted.refund_minor <= known.paid_minor
    assert abs(discounted.refund_minor - discounted.exact) <= Fraction(1, 2)


@pytest.mark.parametrize(("half", "rounded"), [(1, 1), (3, 2), (-1, 0)])
def test_a_half_is_rounded_up(half: int, rounded: int) -> None:
    assert formulas.round_half_up(Fraction(half, 2)) == rounded


@pytest.mark.parametrize(
    ("on", "refund_minor"),
    [(date(2026, 1, 1), 36_400), (date(2026, 7, 2), 18_200), (date(2026, 12, 31), 0), (date(2027, 5, 1), 0)],
)
def test_time_is_reckoned_by_days_left(on: date, refund_minor: int) -> None:
    load = paid(36_500, loaded_on=date(2026, 1, 1), expires_on=date(2026, 12, 31))
    known = Facts(
        account_id=uuid7(), currency="CNY", on=on, position=1, balance_minor=0, held_minor=0, loads=(load,)
    )
    reckoned = formulas.by_time(known)

    assert reckoned is not None
    assert reckoned.refund_minor == refund_minor
    assert formulas.by_time(facts(paid(100))) is None


@pytest.mark.parametrize(
    ("days", "changed", "refund_minor"),
    [
        (7, {}, 300_000),
        (8, {}, 0),
        (7, {"consumed_minor": 1}, 0),
        (7, {"may_cool_off": False}, 0),
        (7, {"returned_minor": 100_000}, 200_000),
    ],
)
def test_the_principal_is_whole_within_seven_days_unless_used(
    days: int, changed: dict[str, Any], refund_minor: int
) -> None:
    load = paid(300_000, 100_000, loaded_on=TODAY - timedelta(days=days), **changed)

    assert formulas.cooling_off(facts(load), days=7).refund_minor == refund_minor


def test_interest_is_simple_and_rounded_half_up() -> None:
    due, line = formulas.interest(
        30_450, currency="CNY", rate_ppm=30_000, since=date(2026, 1, 1), until=date(2026, 1, 31)
    )

    assert due == 75  # 304.50 x 3 % x 30 / 365 = 0.7508
    assert line.en == "Interest from 2026-01-01 to 2026-01-31: ¥304.50 × 3.00 % × 30 / 365 = ¥0.75"


def quote(held: HeldCard, **changed: Any) -> Quote:
    card = Card.objects.select_related("program__rule_set").get(pk=held.card.id)
    return quote_return(card, on=TODAY, **changed)


def totals(quoted: Quote) -> dict[str, tuple[bool, int]]:
    return {branch.code: (branch.applies, branch.refund_minor) for branch in quoted.branches}


def worked_case(code: str = "cn_registered") -> tuple[Shop, HeldCard]:
    shop = ruled_shop(RuleSet.objects.get(code=code))
    held = shop.card()
    give(held, identified())
    load_with_gift(shop, held, 300_000, 100_000, recorded_at=LONG_AGO)
    assert shop.redeem(held, 359_400).approved
    return shop, held


def test_the_worked_case_from_real_ledger_rows(committed_db: None) -> None:
    _, held = worked_case()

    quoted = quote(held)

    assert totals(quoted) == {
        "cooling_off": (False, 0),
        "art18": (True, 30_450),
        "art19": (True, 0),
        "paid_bucket": (False, 40_600),
        "time_prorata": (False, 0),
        "small_balance": (False, 40_600),
    }
    branch = quoted.branch("art18")
    assert branch is not None
    assert (branch.article.en, branch.closes) == ("Fa Shi [2025] No. 4, art. 18 to 20", True)
    # The gift was consumed first: of 406.00 left, 101.50 is the price of what was delivered.
    assert (branch.paid_minor, branch.retained_minor, branch.forfeited_bonus_minor) == (30_450, 10_150, 0)
    assert_ledger_is_clean()


def test_where_paid_value_went_first_the_refund_comes_out_of_the_gift(committed_db: None) -> None:
    shop = ruled_shop(RuleSet.objects.get(code="cn_registered"), consumption_order="paid_first")
    held = shop.card()
    give(held, identified())
    load_with_gift(shop, held, 300_000, 100_000, recorded_at=LONG_AGO)
    assert shop.redeem(held, 320_000).approved

    branch = quote(held).branch("art18")

    assert branch is not None
    # 3,000.00 - 3,200.00 x 3/4 = 600.00; of the gift 800.00 are left.
    assert (branch.refund_minor, branch.paid_minor, branch.paid_from_bonus_minor) == (60_000, 0, 60_000)
    assert (branch.forfeited_bonus_minor, branch.retained_minor, branch.uncovered_minor) == (20_000, 0, 0)


def test_interest_is_at_the_rate_of_the_day_and_to_be_checked(committed_db: None) -> None:
    _, held = worked_case()

    branch = quote(held, terminated_on=TODAY - timedelta(days=30), paid_on=TODAY).branch("art18")

    assert branch is not None
    assert (branch.interest_minor, branch.total_minor, branch.to_be_checked) == (75, 30_525, True)


def test_refunds_and_voids_of_purchases_and_loads_count(committed_db: None) -> None:
    shop, held = worked_case()
    bought = shop.redeem(held, 10_000)
    assert refund(shop.request(), bought.id, Money(4_000, "CNY")).approved
    undone = shop.redeem(held, 5_000)
    assert shop.void(undone.id).approved

    known = gather_facts(held.account_id, on=TODAY)

    assert (known.paid_minor, known.consumed_minor) == (300_000, 365_400)
    assert [load.paid_left_minor + load.bonus_left_minor for load in known.loads] == [held.balance()]


def test_value_without_an_original_is_paid_back_once(committed_db: None) -> None:
    shop = ruled_shop(RuleSet.objects.get(code="cn_registered"), refund_unlinked_alone_max=None)
    held = shop.card()
    give(held, identified())
    assert shop.load_at_desk(held, 10_000).approved
    assert shop.redeem(held, 10_000).approved
    given = RefundUnlinked(card_id=held.card.id, amount_minor=3_000, currency="CNY")
    assert asked_by(hire(shop), given).is_executed
    assert shop.redeem(held, 1_000).approved

    branch = quote(held).branch("art18")

    assert branch is not None
    assert (branch.refund_minor, branch.uncovered_minor) == (2_000, 0)


def test_a_load_that_was_undone_was_never_paid(committed_db: None) -> None:
    shop = open_shop()
    held = shop.card()
    assert shop.load(held, 7_000).approved
    mistake = shop.load(held, 100_000)
    assert shop.void(mistake.id).approved

    known = gather_facts(held.account_id, on=TODAY)

    assert [(load.paid_minor, load.consumed_minor, load.returned_minor) for load in known.loads] == [
        (7_000, 0, 0)
    ]


@pytest.mark.django_db
def test_a_fresh_payment_is_refunded_whole_and_sooner() -> None:
    shop = open_shop(rule_set=RuleSet.objects.get(code="cn_beijing_registered"))
    held = shop.card()
    give(held, identified())
    assert shop.load(held, 50_000).approved
    fresh = quote(held)
    assert totals(fresh)["cooling_off"] == (True, 50_000)
    assert fresh.due_on == TODAY + timedelta(days=5)

    assert shop.redeem(held, 1_000).approved
    used = quote(held)
    assert totals(used)["cooling_off"] == (False, 0)
    assert totals(used)["art18"] == (True, 49_000)
    assert used.due_on == TODAY + timedelta(days=15)


@pytest.mark.django_db
def test_japan_refuses_every_way() -> None:
    shop = open_shop()
    shop.program.rule_set = RuleSet.objects.get(code="jp")
    shop.program.currency = "JPY"
    shop.program.save()
    quoted = quote(shop.card())

    assert [branch.applies for branch in quoted.branches] == [False] * len(BRANCHES)
    branch = quoted.branch("paid_bucket")
    assert branch is not None
    assert branch.why_not is not None
    assert branch.why_not.en.endswith("(Payment Services Act)")


@pytest.mark.django_db
@pytest.mark.parametrize(("balance", "applies"), [(1_499, True), (1_500, False)])
def test_a_small_balance_is_paid_out_below_its_line(balance: int, applies: bool) -> None:
    shop = open_shop(rule_set=rule_set(refund_allowed=False, small_balance_cashout={"below": 1_500}))

    assert totals(quote(shop.card(balance=balance)))["small_balance"] == (applies, balance)


@pytest.mark.django_db
def test_nothing_is_chosen_while_value_is_held() -> None:
    shop = open_shop()
    held = shop.card(balance=5_000)
    desk = at_the_desk(held.card.id)
    assert hold(shop.request(), desk, Money(1_000, "CNY"), expires_at=NOON + timedelta(days=1)).approved

    assert not any(branch.applies for branch in quote(held).branches)


def chosen(
    shop: Shop,
    held: HeldCard,
    code: str = "paid_bucket",
    reason: str = "moves away",
    choice_id: UUID | None = None,
) -> UUID:
    made = choice_id or uuid7()
    where = {"store_id": shop.store.id, "operator": "mei", "at": NOON}
    choose(quote(held), code, choice_id=made, reason=reason, **where)  # type: ignore[arg-type]
    return made


@pytest.mark.django_db
def test_a_choice_is_recorded_once_with_its_reason_and_moves_nothing() -> None:
    shop = open_shop()
    held = shop.card(balance=5_000)
    before = figures()
    made = chosen(shop, held)
    chosen(shop, held, reason="again", choice_id=made)

    [choice] = list_choices(account_id=held.account_id)
    assert (choice.id, choice.branch, choice.refund_minor, choice.reason, choice.operator) == (
        made,
        "paid_bucket",
        5_000,
        "moves away",
        "mei",
    )
    assert choice.paid_out_at is None
    assert figures() == before


@pytest.mark.django_db
@pytest.mark.parametrize(("code", "reason"), [("art18", "moves away"), ("paid_bucket", "  "), ("x", "y")])
def test_a_way_that_does_not_apply_or_has_no_reason_is_refused(code: str, reason: str) -> None:
    shop = open_shop()
    held = shop.card(balance=5_000)

    with pytest.raises(ChoiceRefused):
        chosen(shop, held, code, reason)
    assert list_choices(account_id=held.account_id) == []


@pytest.mark.django_db
def test_the_command_prints_every_branch() -> None:
    shop = open_shop()
    held = shop.card(balance=5_000)
    out = StringIO()
    call_command("refund_quote", "--card", str(held.card.id), "--on", "2026-11-23", "--json", stdout=out)
    told = json.loads(out.getvalue())

    assert [branch["branch"] for branch in told["branches"]] == list(BRANCHES)
    assert {branch["branch"]: branch["refund"] for branch in told["branches"]}["paid_bucket"] == 5_000
    assert all(type(branch["refund"]) is int for branch in told["branches"])
    call_command("refund_quote", "--card", str(held.card.id), stdout=out)
    assert "Refund: ¥50.00" in out.getvalue()
    with pytest.raises(CommandError, match="no such card"):
        call_command("refund_quote", "--card", "8600")
