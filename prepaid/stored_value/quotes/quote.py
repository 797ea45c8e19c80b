"""A quote: every way of reckoning a card return, which of them the rules in force allow, and why.

Knows rules, rates and formulas; must not move value, nor know a screen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from typing import Any
from uuid import UUID

from prepaid.cards.models import Card
from prepaid.cards.rules.in_force import rate_in_force, rules_in_force
from prepaid.cards.rules.models import Rule
from prepaid.stored_value.quotes import formulas
from prepaid.stored_value.quotes.facts import Facts, gather_facts
from prepaid.stored_value.quotes.formulas import Line, Reckoned

# The ways, in the order in which they are shown, and the rate of interest that goes with a way.
BRANCHES = ("cooling_off", "art18", "art19", "paid_bucket", "time_prorata", "small_balance")
RATES = {"art18": "cny_lpr_1y", "art19": "cny_deposit_1y"}
# Without a rule set, or with one that says nothing of it, the terms are the program's own.
OWN_TERMS = ("paid_bucket", "time_prorata")
ONLY_IF_TOO_SMALL = Line(
    "Only where the balance is too small for the cheapest item.", "仅限余额不足以购买最低价商品或者服务时。"
)
Rules = Mapping[str, Rule]


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """One way of reckoning. Minor units. `why_not` says why it may not be chosen; then `applies` is false.

    Of the refund, `paid_minor` and `paid_from_bonus_minor` come out of the card's paid and bonus value. Of
    what is left then, `retained_minor` is the price of what was delivered, `forfeited_bonus_minor` the gift.
    """

    code: str
    refund_minor: int
    interest_minor: int
    paid_minor: int
    paid_from_bonus_minor: int
    forfeited_bonus_minor: int
    retained_minor: int
    closes: bool
    lines: tuple[Line, ...]
    article: Line
    to_be_checked: bool
    why_not: Line | None = None

    @property
    def applies(self) -> bool:
        """Say whether it may be chosen."""
        return self.why_not is None

    @property
    def uncovered_minor(self) -> int:
        """Give what the card's value does not cover of the refund: that takes an adjustment first."""
        return self.refund_minor - self.paid_minor - self.paid_from_bonus_minor

    @property
    def total_minor(self) -> int:
        """Give what the card holder gets."""
        return self.refund_minor + self.interest_minor


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """All ways for one card on one business date. `due_on` is the last day to pay, where a rule sets one."""

    card_id: UUID
    account_id: UUID
    position: int
    currency: str
    on: date
    terminated_on: date
    paid_on: date
    rule_set: str | None
    balance_minor: int
    held_minor: int
    branches: tuple[Branch, ...]
    due_on: date | None

    def branch(self, code: str) -> Branch | None:
        """Find a way by its code."""
        return next((branch for branch in self.branches if branch.code == code), None)


def quote_return(
    card: Card, *, on: date, terminated_on: date | None = None, paid_on: date | None = None
) -> Quote:
    """Quote the return of a card on a business date: every way, in the order of BRANCHES. Locks nothing.

    Interest runs from the day on which the contract ended to the day of payment; both are `on` unless given.
    Raises RateUnknown.
    """
    facts = gather_facts(card.account_id, on=on)
    rule_set = card.program.rule_set
    rules = rules_in_force(card.program.rule_set_id, on)
    since, until = terminated_on or on, paid_on or on
    made = [_branch(code, facts, rules, since, until) for code in BRANCHES]
    return Quote(
        card_id=card.id,
        account_id=card.account_id,
        position=facts.position,
        currency=facts.currency,
        on=on,
        terminated_on=since,
        paid_on=until,
        rule_set=None if rule_set is None else rule_set.code,
        balance_minor=facts.balance_minor,
        held_minor=facts.held_minor,
        branches=tuple(made),
        due_on=_due_on(facts, rules),
    )


def _branch(code: str, facts: Facts, rules: Rules, since: date, until: date) -> Branch:
    rule = _rule_of(code, rules)
    reckoned = _reckon(code, facts, rules)
    why_not = _why_not(code, facts, rules, reckoned)
    done = reckoned or Reckoned(exact=Fraction(0), lines=(), settles=())
    refund, lines, interest = done.refund_minor, done.lines, 0
    unsure = rule is not None and rule.is_to_be_checked
    if code in RATES and refund and until > since:
        rate = rate_in_force(RATES[code], since)
        interest, line = formulas.interest(
            refund, currency=facts.currency, rate_ppm=rate.rate_ppm, since=since, until=until
        )
        unsure = unsure or rate.source == "c"
        lines = (*lines, line, formulas.in_all(refund + interest, facts.currency))
    return Branch(
        code=code,
        refund_minor=refund,
        interest_minor=interest,
        **_parts(facts, done),
        lines=lines,
        article=Line("", "") if rule is None else Line(rule.article, rule.article_zh),
        to_be_checked=unsure,
        why_not=why_not,
    )


def _parts(facts: Facts, done: Reckoned) -> dict[str, Any]:
    """Divide what the settled loads still hold: the refund out of paid value first, the rest kept."""
    paid_left = sum(load.paid_left_minor for load in done.settles)
    bonus_left = sum(load.bonus_left_minor for load in done.settles)
    paid = min(done.refund_minor, paid_left)
    from_bonus = min(done.refund_minor - paid, bonus_left)
    return {
        "paid_minor": paid,
        "paid_from_bonus_minor": from_bonus,
        "forfeited_bonus_minor": bonus_left - from_bonus,
        "retained_minor": paid_left - paid,
        "closes": paid_left + bonus_left == facts.balance_minor,
    }


def _rule_of(code: str, rules: Rules) -> Rule | None:
    named = {"cooling_off": "cooling_off_days", "small_balance": "small_balance_cashout"}
    return rules.get(named.get(code, "refund_formula"))


def _reckon(code: str, facts: Facts, rules: Rules) -> Reckoned | None:
    match code:
        case "cooling_off":
            rule = rules.get("cooling_off_days")
            return None if rule is None else formulas.cooling_off(facts, days=rule.stated)
        case "small_balance":
            small = rules.get("small_balance_cashout")
            unsure = small is not None and "below_cheapest_item" in small.stated
            return formulas.paid_bucket(facts, only_if=ONLY_IF_TOO_SMALL if unsure else None)
        case "art18":
            return formulas.at_the_discount(facts)
        case "art19":
            return formulas.undiscounted(facts)
        case "time_prorata":
            return formulas.by_time(facts)
        case _:
            return formulas.paid_bucket(facts)


def _why_not(code: str, facts: Facts, rules: Rules, reckoned: Reckoned | None) -> Line | None:
    """Say why a way may not be chosen; None where it may."""
    if facts.held_minor:
        return Line("Value is held: capture or release it first.", "有预授权未了结：请先完成或解除。")
    if code == "small_balance":
        return _why_no_cash_out(facts, rules)
    forbidden = rules.get("refund_allowed")
    if forbidden is not None and forbidden.stated is False:
        return Line(
            f"{forbidden.text} ({forbidden.article})", f"{forbidden.text_zh}（{forbidden.article_zh}）"
        )
    if code == "cooling_off":
        if reckoned is None:
            return Line("The rules in force know no cooling-off period.", "现行规则没有冷静期。")
        if not reckoned.settles:
            return Line("Nothing is within the cooling-off period.", "没有处于冷静期内的付款。")
        return None
    formula = rules.get("refund_formula")
    if code not in (OWN_TERMS if formula is None else formula.stated):
        return Line("Not a way of the rules in force.", "现行规则不适用此方式。")
    if reckoned is None:
        return Line("A load has no end of validity.", "有充值未设有效期。")
    return None


def _why_no_cash_out(facts: Facts, rules: Rules) -> Line | None:
    small = rules.get("small_balance_cashout")
    if small is None:
        return Line("The rules in force know no cash-out of small balances.", "现行规则没有小额兑现。")
    # Whether a balance buys the cheapest item is for the person at the counter to see.
    if "below" in small.stated and facts.balance_minor >= small.stated["below"]:
        return Line(f"{small.text} ({small.article})", f"{small.text_zh}（{small.article_zh}）")
    return None


def _due_on(facts: Facts, rules: Rules) -> date | None:
    rule = rules.get("refund_deadline_days")
    if rule is None:
        return None
    window = rules.get("cooling_off_days")
    fresh = window is not None and all(
        load.loaded_on + timedelta(days=window.stated) >= facts.on for load in facts.loads
    )
    kind = "unused" if fresh and not facts.consumed_minor and facts.loads else "used"
    days = rule.stated.get(kind)
    return None if days is None else facts.on + timedelta(days=days)


def as_json(quote: Quote) -> dict[str, Any]:
    """Write a quote down as plain values, for the command and for the record of a choice."""
    return {
        "card": str(quote.card_id),
        "currency": quote.currency,
        "on": quote.on.isoformat(),
        "terminated_on": quote.terminated_on.isoformat(),
        "paid_on": quote.paid_on.isoformat(),
        "due_on": quote.due_on.isoformat() if quote.due_on else None,
        "rule_set": quote.rule_set,
        "balance": quote.balance_minor,
        "held": quote.held_minor,
        "branches": [
            {
                "branch": branch.code,
                "applies": branch.applies,
                "why_not": None if branch.why_not is None else _texts(branch.why_not),
                "refund": branch.refund_minor,
                "interest": branch.interest_minor,
                "total": branch.total_minor,
                "paid": branch.paid_minor,
                "paid_from_bonus": branch.paid_from_bonus_minor,
                "retained": branch.retained_minor,
                "closes": branch.closes,
                "uncovered": branch.uncovered_minor,
                "forfeited_bonus": branch.forfeited_bonus_minor,
                "article": _texts(branch.article),
                "to_be_checked": branch.to_be_checked,
                "working": [_texts(line) for line in branch.lines],
            }
            for branch in quote.branches
        ],
    }


def _texts(line: Line) -> dict[str, str]:
    return {"en": line.en, "zh": line.zh}
