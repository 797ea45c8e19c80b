"""The fields of a rule set: what each is called and what its value looks like.

Knows names and shapes; must not know any one jurisdiction, nor what a rule does to value.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from prepaid.cards.errors import CardError

BRANCHES = ("art18", "art19", "paid_bucket", "time_prorata")


class RuleInvalid(CardError):
    """A rule's field or value is not one that the site knows; nothing was recorded."""

    code = "rule_invalid"


@dataclass(frozen=True, slots=True)
class Field:
    """A field: its unit, and the test that a value passes. Amounts are minor units of the set's currency."""

    name: str
    unit: str
    en: str
    zh: str
    fits: Callable[[Any], bool]


def _whole(value: Any) -> bool:
    return type(value) is int and value >= 0


def _yes_no(value: Any) -> bool:
    return type(value) is bool


def _text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _whole_of(*names: str) -> Callable[[Any], bool]:
    def fits(value: Any) -> bool:
        return (
            isinstance(value, dict)
            and bool(value)
            and all(name in names and _whole(each) for name, each in value.items())
        )

    return fits


def _branches(value: Any) -> bool:
    return isinstance(value, list) and all(each in BRANCHES for each in value)


def _identity(value: Any) -> bool:
    if value == {"any_load": True}:
        return True
    return _whole_of("day_from", "month_over", "balance_over")(value)


def _channel(value: Any) -> bool:
    kinds = {"same_name_bank": _yes_no, "original": _yes_no, "cash_up_to": _whole}
    return isinstance(value, dict) and all(
        name in kinds and kinds[name](each) for name, each in value.items()
    )


def _cash_out(value: Any) -> bool:
    return value == {"below_cheapest_item": True} or _whole_of("below")(value)


FIELDS = (
    Field("max_balance", "amount", "Most that a card holds", "卡内余额上限", _whole),
    Field("max_single_load", "amount", "Most for one top-up", "单笔充值上限", _whole),
    Field("max_daily_load", "amount", "Most topped up to a card in a day", "单卡单日充值上限", _whole),
    Field("max_daily_purchase_per_buyer", "amount", "Most that a buyer tops up in a day", "购卡人单日购卡上限", _whole),
    Field("identity_required_when", "when", "Identity is recorded when", "须登记身份的情形", _identity),
    Field("cash_forbidden_from", "amounts", "No cash from", "不得使用现金的起点", _whole_of("person", "organisation")),
    Field("expiry_allowed", "yes_no", "Cards may expire", "可设有效期", _yes_no),
    Field("min_validity", "months", "Shortest validity", "最短有效期", _whole),
    Field("reactivation_required", "yes_no", "An expired card with value is reactivated", "过期有余额须激活或换卡", _yes_no),
    Field("cooling_off_days", "days", "Cooling-off period", "冷静期", _whole),
    Field("refund_allowed", "yes_no", "A card may be returned for money", "可退卡", _yes_no),
    Field("refund_formula", "branches", "How a returned card is reckoned", "退卡计算方式", _branches),
    Field("refund_deadline_days", "days", "Days to pay a refund", "退款期限", _whole_of("unused", "used")),
    Field("refund_channel", "channel", "How a refund is paid", "退款方式", _channel),
    Field("small_balance_cashout", "amount", "Small balances are paid out", "小额余额兑现", _cash_out),
    Field("dormancy_fee", "fee", "Fee for a card that is not used", "休眠费", _whole_of("after_months", "max_per_month")),
    Field("transfer_allowed", "yes_no", "A card may pass to another holder", "可转让", _yes_no),
    Field("replace_lost", "yes_no", "A lost card is replaced", "遗失补卡", _yes_no),
    Field("prefund_cap_pct_revenue", "percent", "Prepaid funds, of last year's revenue", "预收资金占上年主营收入上限", _whole),
    Field("custody_ratios", "percent", "Custody of the balance", "预收资金存管比例", _whole_of("scale", "group", "brand", "any")),
    Field("filing_trigger", "amounts", "Filing is due from", "备案起点", _whole_of("balance", "unredeemed_cards", "volume_12_months")),
    Field("report_calendar", "text", "Returns are due", "报表报送时间", _text),
    Field("retention_years", "years", "Records are kept", "资料保存年限", _whole),
    Field("closure_notice_days", "days", "Notice before closing", "停业提前公告", _whole),
    Field("acceptance_scope", "text", "Where cards are accepted", "受理范围", _text),
    Field("breakage_policy", "text", "Breakage", "沉淀收益确认", _text),
    Field("escheat_policy", "text", "Escheat", "无主财产上缴", _text),
)  # fmt: skip
FIELD_OF = {field.name: field for field in FIELDS}


def check_rule(name: str, value: Any) -> None:
    """Refuse an unknown field, or a value that is not of its shape; null ends a rule. Raises RuleInvalid."""
    field = FIELD_OF.get(name)
    if field is None:
        raise RuleInvalid(f"There is no rule {name}. Known: {', '.join(FIELD_OF)}.")
    if value is not None and not field.fits(value):
        raise RuleInvalid(f"{value!r} is not a value of {name} ({field.unit}). Nothing was recorded.")
