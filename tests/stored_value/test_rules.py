"""What the rules in force refuse: by which reason and article, the same on a repeat; nothing moves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest
from django.db import connection, transaction

from prepaid.cards.models import Card, Holder, Program, Rule, RuleSet
from prepaid.cards.presentation import at_the_desk
from prepaid.cards.rules.in_force import RuleRefused, refuse_terms
from prepaid.cards.rules.presets import load_presets
from prepaid.identifiers import uuid7
from prepaid.money import Money
from prepaid.stored_value.answers import Answer
from prepaid.stored_value.calls import find_answer
from prepaid.stored_value.issue import issue
from prepaid.stored_value.load import load
from tests.databases import connect_as_superuser
from tests.shop import NOON, HeldCard, Shop, assert_ledger_is_clean, figures, open_shop, together
from tests.stored_value.rule_sets import add_rule, give, identified, rule_set, ruled_shop

TODAY = date(2026, 11, 23)
LOCK = "for no key update of holder"
TRIES_MAX = 200
Owner = psycopg.Connection[tuple[object, ...]]


@dataclass(frozen=True, kw_only=True)
class Row:
    """A load of 3,000 onto 4,000, its rules, and the reason that they give; None where they let it pass."""

    rules: dict[str, Any]
    reason: str | None
    program: dict[str, Any] = field(default_factory=dict)
    holder: str | None = None


ROWS = [
    Row(rules={"max_single_load": 2_999}, reason="limit_single"),
    Row(rules={"max_single_load": 3_000}, reason=None),
    Row(rules={"max_daily_load": 2_999}, reason="limit_day"),
    Row(rules={"max_daily_load": 3_000}, reason=None),
    Row(rules={"max_daily_purchase_per_buyer": 2_999}, reason="limit_day"),
    Row(rules={"max_daily_purchase_per_buyer": 3_000}, reason=None),
    Row(rules={"max_balance": 6_999}, reason="limit_balance"),
    Row(rules={"max_balance": 7_000}, reason=None),
    Row(rules={"cash_forbidden_from": {"person": 3_000, "organisation": 1}}, reason="type_not_allowed"),
    Row(rules={"cash_forbidden_from": {"person": 3_001, "organisation": 1}}, reason=None),
    Row(rules={"cash_forbidden_from": {"person": 9_999, "organisation": 3_000}}, holder="organisation",
        reason="type_not_allowed"),
    Row(rules={"identity_required_when": {"any_load": True}}, reason="type_not_allowed"),
    Row(rules={"identity_required_when": {"any_load": True}}, holder="person", reason="type_not_allowed"),
    Row(rules={"identity_required_when": {"any_load": True}}, holder="identified", reason=None),
    Row(rules={"identity_required_when": {"day_from": 3_000}}, reason="type_not_allowed"),
    Row(rules={"identity_required_when": {"day_from": 3_001}}, reason=None),
    Row(rules={"identity_required_when": {"month_over": 6_999}}, reason="type_not_allowed"),
    Row(rules={"identity_required_when": {"month_over": 7_000}}, reason=None),
    Row(rules={"identity_required_when": {"balance_over": 6_999}}, reason="type_not_allowed"),
    Row(rules={"identity_required_when": {"balance_over": 7_000}}, reason=None),
    Row(rules={"expiry_allowed": False}, program={"value_valid_months": 36}, reason="type_not_allowed"),
    Row(rules={"expiry_allowed": False}, reason=None),
    Row(rules={"min_validity": 36}, program={"value_valid_months": 35}, reason="type_not_allowed"),
    Row(rules={"min_validity": 36}, program={"value_valid_months": 36}, reason=None),
    # The earlier reason is given, of the rules and of the program's own terms alike.
    Row(rules={"max_balance": 1, "max_single_load": 1}, reason="limit_single"),
    Row(rules={"max_balance": 1}, program={"load_single_max": 1}, reason="limit_single"),
    Row(rules={"max_single_load": 1}, program={"load_day_max": 1}, reason="limit_single"),
]  # fmt: skip


def ordinary(row: Row) -> tuple[Shop, HeldCard]:
    shop = open_shop()
    held = shop.card()
    if row.holder == "identified":
        give(held, identified())
    elif row.holder:
        give(held, Holder.objects.create(name="Firm", kind=row.holder))
    assert shop.load_at_desk(held, 4_000, recorded_at=NOON - timedelta(days=1)).approved
    Program.objects.filter(pk=shop.program.pk).update(rule_set=rule_set(**row.rules), **row.program)
    return shop, held


@pytest.mark.django_db
@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.rules} {row.program} {row.holder or ''}")
def test_a_rule_lets_pass_up_to_its_line_and_refuses_beyond_it(row: Row) -> None:
    shop, held = ordinary(row)
    before = figures()

    answer = shop.load(held, 3_000)

    assert answer.reason == row.reason
    assert (figures() == before) == (row.reason is not None)
    assert_ledger_is_clean()


@pytest.mark.django_db
def test_a_refusal_names_rule_and_article_and_a_repeat_says_the_same() -> None:
    shop = open_shop(rule_set=RuleSet.objects.get(code="cn_bearer"))
    held = shop.card()
    asked = shop.request()

    def ask() -> Answer:
        return load(asked, at_the_desk(held.card.id), Money(100_001, "CNY"), tender="cash")

    first, again = ask(), ask()

    assert (first.reason, first.replayed, again.replayed) == ("limit_balance", False, True)
    assert first.rule is not None
    assert (first.rule.field, first.rule.effective_from) == ("max_balance", "2012-11-01")
    assert first.why.en.endswith("A bearer card holds at most 1,000 CNY. (MOFCOM Order 9 of 2012)")
    assert first.why.zh.endswith("单张不记名卡余额不得超过 1,000 元。（商务部令2012年第9号）")
    assert again.rule == first.rule
    found = find_answer(asked.id, origin_id=None)
    assert found is not None
    assert found.why == first.why


@pytest.mark.django_db
def test_what_is_to_be_checked_says_so() -> None:
    made = rule_set()
    add_rule(made, "max_single_load", 1, date(2020, 1, 1), source="c")
    shop = open_shop(rule_set=made)

    why = shop.load(shop.card(), 2).why

    assert why.en.endswith("(art. of max_single_load; to be checked)")
    assert why.zh.endswith("（max_single_load 条，待核实）")


@pytest.mark.django_db
def test_the_program_s_own_limit_names_no_rule() -> None:
    shop = open_shop(rule_set=rule_set(max_single_load=5_000), load_single_max=100)

    answer = shop.load(shop.card(), 200)

    assert (answer.reason, answer.rule) == ("limit_single", None)


@pytest.mark.django_db
def test_the_rule_in_force_on_the_business_date_decides() -> None:
    made = rule_set(max_single_load=1_000)
    add_rule(made, "max_single_load", 2_000, TODAY)
    add_rule(made, "max_single_load", None, TODAY + timedelta(days=2))
    shop = open_shop(rule_set=made)
    held = shop.card()
    days = {days: NOON + timedelta(days=days) for days in (-1, 0, 1, 2)}

    told = {day: shop.load(held, 1_500, recorded_at=at).reason for day, at in days.items()}
    over = {day: shop.load(held, 2_500, recorded_at=at).reason for day, at in days.items()}

    assert told == {-1: "limit_single", 0: None, 1: None, 2: None}
    assert over == {-1: "limit_single", 0: "limit_single", 1: "limit_single", 2: None}
    # The store's day, not the day of UTC: 23:30 in Shanghai is still the day before.
    last = datetime(2026, 11, 22, 15, 30, tzinfo=UTC)
    assert shop.load(held, 1_500, recorded_at=last).reason == "limit_single"
    assert shop.load(held, 1_500, recorded_at=last + timedelta(minutes=30)).reason is None


@pytest.mark.django_db
def test_a_correction_of_the_same_date_decides() -> None:
    made = rule_set(max_single_load=1_000)
    corrected = add_rule(made, "max_single_load", 500, date(2020, 1, 1))
    shop = open_shop(rule_set=made)

    assert corrected.revision == 2
    assert shop.load(shop.card(), 600).reason == "limit_single"


@pytest.mark.django_db
@pytest.mark.parametrize("statement", ["update cards_rule set value = '1'", "delete from cards_rule"])
def test_a_rule_is_never_rewritten(statement: str) -> None:
    rule_set(max_balance=1)
    with pytest.raises(Exception, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.django_db
def test_the_application_cannot_write_by_which_rule_it_was_declined() -> None:
    with pytest.raises(Exception, match="permission denied"), connection.cursor() as cursor:
        cursor.execute("insert into ledger_answer_rule values (%s, %s)", [uuid7(), uuid7()])


@pytest.mark.django_db
def test_a_program_takes_no_rules_of_another_currency() -> None:
    with pytest.raises(Exception, match="one currency"), transaction.atomic():
        open_shop(rule_set=rule_set("USD", max_balance=1))
    assert open_shop(rule_set=rule_set("", refund_allowed=True)).program.rule_set_id is not None


@pytest.mark.django_db
def test_a_split_purchase_is_summed_over_the_buyer_s_cards() -> None:
    shop = open_shop(rule_set=rule_set(cash_forbidden_from={"person": 5_000}))
    first, second, stranger = shop.card(), shop.card(), shop.card()
    buyer = identified()
    give(first, buyer)
    give(second, buyer)
    paid = shop.load(first, 3_000)
    assert paid.approved

    assert shop.load(second, 2_000).reason == "type_not_allowed"
    assert shop.load(second, 1_999).reason is None
    assert shop.load(stranger, 4_999).reason is None
    assert shop.load(second, 4_999, recorded_at=NOON + timedelta(days=1)).reason is None


@pytest.mark.django_db
def test_a_load_that_was_undone_no_longer_counts() -> None:
    shop = open_shop(rule_set=rule_set(cash_forbidden_from={"person": 5_000}))
    held = shop.card()
    paid = shop.load(held, 3_000)
    assert shop.load(held, 2_000).reason == "type_not_allowed"
    assert shop.void(paid.id).approved

    assert shop.load(held, 2_000).reason is None
    assert_ledger_is_clean()


def race_of_two_cards(shop: Shop) -> list[str | None]:
    """Load two cards of one buyer at the same moment, 3,000 each where 5,000 is the line."""
    cards = [shop.card(), shop.card()]
    buyer = identified()
    for held in cards:
        give(held, buyer)

    def pay(held: HeldCard) -> Callable[[], Answer]:
        return lambda: shop.load(held, 3_000)

    told = together([pay(held) for held in cards])
    assert all(isinstance(answer, Answer) for answer in told), told
    return sorted((answer.reason for answer in told if isinstance(answer, Answer)), key=str)


@pytest.mark.race
def test_two_cards_of_one_buyer_at_once_stay_under_the_line(committed_db: None) -> None:
    made = rule_set(cash_forbidden_from={"person": 5_000})
    for _ in range(5):
        assert race_of_two_cards(ruled_shop(made)) == [None, "type_not_allowed"]
    assert_ledger_is_clean()


@pytest.mark.race
def test_a_repeat_at_the_same_moment_is_told_the_same_rule(committed_db: None) -> None:
    shop = ruled_shop(rule_set(max_single_load=100))
    held = shop.card()
    asked = shop.request()
    before = figures()

    told = together([lambda: load(asked, at_the_desk(held.card.id), Money(200, "CNY"), tender="cash")] * 8)

    answers = [answer for answer in told if isinstance(answer, Answer)]
    assert len(answers) == 8, told
    assert {answer.why.en for answer in answers} == {answers[0].why.en}
    assert sorted(answer.replayed for answer in answers) == [False] + [True] * 7
    assert figures() == before
    assert_ledger_is_clean()


@pytest.mark.race
def test_without_the_lock_on_the_holder_both_pass(scratch_db: str) -> None:
    """The negative control: the guard taken out of the function that decides."""
    with connect_as_superuser(scratch_db) as opened:
        row = opened.execute("select pg_get_functiondef('stored_value_apply_rules'::regproc)").fetchone()
        assert row is not None
        guarded = str(row[0])
        assert LOCK in guarded
        opened.execute(guarded.replace(LOCK, "").encode())
    made = rule_set(cash_forbidden_from={"person": 5_000})

    assert any(race_of_two_cards(ruled_shop(made)) == [None, None] for _ in range(TRIES_MAX))


ISSUES = [
    ("cn_registered", {}, None),
    ("cn_registered", {"card_valid_months": 36}, "expiry_allowed"),
    ("cn_registered", {"value_valid_months": 36}, "expiry_allowed"),
    ("cn_bearer", {"card_valid_months": 35}, "min_validity"),
    ("cn_bearer", {"card_valid_months": 36}, None),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("code", "terms", "refused_by"), ISSUES)
def test_no_card_is_issued_under_terms_that_a_rule_forbids(
    code: str, terms: dict[str, int], refused_by: str | None
) -> None:
    shop = open_shop(rule_set=RuleSet.objects.get(code=code), **terms)
    cards = Card.objects.count()

    def make() -> object:
        return issue(card_id=uuid7(), program=shop.program, origin=shop.counter, actor="test", at=NOON)

    if refused_by is None:
        make()
        assert Card.objects.count() == cards + 1
    else:
        with pytest.raises(RuleRefused) as refused:
            make()
        assert refused.value.rule.field == refused_by
        assert Card.objects.count() == cards


@pytest.mark.django_db
def test_terms_are_judged_by_the_date() -> None:
    made = rule_set()
    add_rule(made, "min_validity", 60, TODAY)
    program = open_shop(rule_set=made, card_valid_months=36).program

    refuse_terms(program, TODAY - timedelta(days=1))
    with pytest.raises(RuleRefused):
        refuse_terms(program, TODAY)


OPERATIONS = [
    ("jp", "card_return", None, "refund_allowed"),
    ("jp", "cash_out", 100, "refund_allowed"),
    ("cn_registered", "card_return", None, None),
    ("cn_registered", "move", None, None),
    (None, "card_return", None, None),
]


@pytest.mark.parametrize(("code", "operation", "balance", "refused_by"), OPERATIONS)
def test_an_operation_that_a_rule_forbids_is_refused_by_name(
    owner: Owner, code: str | None, operation: str, balance: int | None, refused_by: str | None
) -> None:
    made = RuleSet.objects.get(code=code) if code else None
    currency = made.currency if made else "CNY"
    held = ruled_shop(made, currency=currency).card()

    assert refuse(owner, held, operation, balance) == (refused_by and ("type_not_allowed", refused_by))


def test_a_small_balance_is_paid_out_where_refunds_are_forbidden(owner: Owner) -> None:
    made = rule_set(refund_allowed=False, small_balance_cashout={"below": 1_500})
    held = ruled_shop(made).card()

    assert refuse(owner, held, "cash_out", 1_499) is None
    assert refuse(owner, held, "cash_out", 1_500) == ("type_not_allowed", "refund_allowed")
    assert refuse(owner, held, "card_return", 1_499) == ("type_not_allowed", "refund_allowed")


def refuse(owner: Owner, held: HeldCard, operation: str, balance: int | None) -> tuple[str, str] | None:
    """Ask as the money functions of their owner do; give the reason and the rule that it names."""
    asked = uuid7()
    owner.execute("begin")
    found = owner.execute(
        "select stored_value_refuse_by_rule(row(%(id)s, '', %(id)s, 1, %(id)s, %(day)s, now(), now(), '', '')"
        "::ledger_request, stored_value_find_card(row('desk', null, null, null, null, %(card)s)"
        "::stored_value_presented), %(operation)s, %(balance)s)",
        {"id": asked, "day": TODAY, "card": held.card.id, "operation": operation, "balance": balance},
    ).fetchone()
    told = owner.execute("select stored_value_told_rule(%s) ->> 'field'", [asked]).fetchone()
    owner.execute("rollback")
    assert found is not None
    assert told is not None
    assert (found[0] is None) == (told[0] is None)
    return None if found[0] is None else (str(found[0]), str(told[0]))


@pytest.mark.django_db
def test_presets_are_loaded_once() -> None:
    assert {made.code for made in RuleSet.objects.all()} >= {
        "cn_registered", "cn_bearer", "cn_beijing_registered", "us", "eu", "jp", "plain",
    }  # fmt: skip
    before = Rule.objects.count()

    assert load_presets(at=NOON) == (0, 0)
    assert Rule.objects.count() == before > 50
