"""The receipt of a transaction as text, for a screen, a pipe or a printer of 32 columns and more.

Knows what a receipt must show; must not know where it is printed.
"""

from __future__ import annotations

import unicodedata
from zoneinfo import ZoneInfo

from terminals.amounts import Language, format_money
from terminals.results import Result
from terminals.state import Enrolment

WIDTH = 32

_WORDS: dict[str, tuple[str, str]] = {
    "load": ("TOP-UP", "充值"),
    "redeem": ("PURCHASE", "消费"),
    "hold": ("HOLD", "预授权"),
    "capture": ("PURCHASE FROM A HOLD", "预授权完成"),
    "release": ("HOLD RELEASED", "预授权解除"),
    "void": ("VOID", "撤销"),
    "reversal": ("REVERSAL", "冲正"),
    "inquiry": ("BALANCE", "余额查询"),
    "approved": ("APPROVED", "交易成功"),
    "declined": ("DECLINED", "交易失败"),
    "refused": ("REFUSED", "已拒绝"),
    "unknown": ("OUTCOME UNKNOWN", "结果未知"),
    "not_sent": ("NOT SENT", "未发送"),
    "card": ("Card", "卡号"),
    "asked": ("Asked for", "请求金额"),
    "amount": ("Amount", "金额"),
    "due": ("Still to pay", "还需支付"),
    "balance": ("Balance", "余额"),
    "available": ("Available", "可用余额"),
    "rrn": ("Reference", "参考号"),
    "sequence": ("Sequence", "流水号"),
    "code": ("Code", "代码"),
    "time": ("Time", "时间"),
    "terminal": ("Terminal", "终端"),
    "personalise": ("BLANK", "写卡"),
    "tap": ("present the card", "请刷卡"),
    "batch": ("Batch", "批次"),
    "balanced": ("Both sides agree.", "双方一致。"),
    "differs": ("The site counts differently: an exception is recorded.", "与网站记录不一致，已登记异常。"),
    "stand_in": ("Sold offline, not told yet", "离线交易待上传"),
    "offline": ("OFFLINE: recorded later", "离线交易，稍后入账"),
    "missing": ("The site has not seen", "网站未收到"),
    "moved_no": ("No money was moved.", "未发生扣款或入账。"),
    "moved_unknown": (
        "It is not yet known whether money was moved. Keep this slip.",
        "尚不清楚是否已扣款或入账，请保留此单。",
    ),
}  # fmt: skip


def word(name: str, language: Language) -> str:
    """Give a word of the receipt in a language; the name itself where there is none."""
    texts = _WORDS.get(name)
    return name if texts is None else texts[0 if language == "en" else 1]


def receipt(result: Result, enrolment: Enrolment, language: Language) -> str:
    """Write the receipt: store, what was done, outcome, amounts, card, references."""
    lines = [
        _centred(enrolment.store_name),
        _centred(word(result.type or "", language)),
        _centred(word(result.outcome, language)),
        "-" * WIDTH,
    ]
    currency = result.currency or enrolment.currency
    approved = result.approved_amount if result.outcome == "approved" else None
    if result.type != "inquiry":
        shown = approved if approved is not None else result.amount
        lines += _amount_line("amount", shown, currency, language)
    if approved is not None and result.amount is not None and approved < result.amount:
        lines += _amount_line("asked", result.amount, currency, language)
        lines += _amount_line("due", result.amount - approved, currency, language)
    lines += _amount_line("balance", result.balance, currency, language)
    if result.available != result.balance:
        lines += _amount_line("available", result.available, currency, language)
    if result.card is not None:
        lines.append(_pair(word("card", language), result.card.number_masked))
    if result.rrn is not None:
        lines.append(_pair(word("rrn", language), result.rrn))
    if result.sequence is not None:
        lines.append(_pair(word("sequence", language), str(result.sequence)))
    lines.append(_pair(word("terminal", language), enrolment.name))
    if result.occurred_at is not None:
        at = result.occurred_at.astimezone(ZoneInfo(enrolment.timezone))
        lines.append(_pair(word("time", language), f"{at:%Y-%m-%d %H:%M:%S}"))
    if result.stand_in:
        lines.append(_centred(word("offline", language)))
    if result.outcome != "approved":
        lines += ["-" * WIDTH, getattr(result.message, language)]
        lines += [_pair(word("code", language), result.code or "")]
        if result.money_moved != "yes":
            lines.append(word(f"moved_{result.money_moved}", language))
    return "\n".join(lines)


def columns(text: str) -> int:
    """Count the columns that a text takes on a screen: two for a Chinese character."""
    return sum(
        0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        for letter in text
    )


def _amount_line(name: str, amount_minor: int | None, currency: str, language: Language) -> list[str]:
    if amount_minor is None:
        return []
    return [_pair(word(name, language), format_money(amount_minor, currency, language))]


def _pair(left: str, right: str) -> str:
    return f"{left}{' ' * max(1, WIDTH - columns(left) - columns(right))}{right}"


def _centred(text: str) -> str:
    return " " * max(0, (WIDTH - columns(text)) // 2) + text
