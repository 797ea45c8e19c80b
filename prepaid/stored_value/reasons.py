"""Why a transaction is declined: one table in the order of precedence, as in SQL, API, screens and docs.

Knows causes, what may be retried, who can mend it and the sentence in both languages; must not know HTTP.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Retry = Literal["same", "new", "never"]
Fix = Literal["customer", "operator", "manager", "support"]


@dataclass(frozen=True, slots=True)
class Reason:
    """A cause: `retry` says under which id trying again can help, `fix` who can mend it."""

    code: str
    retry: Retry
    fix: Fix
    en: str
    zh: str


UNUSABLE_EN = "This card cannot be used here. No money was moved."
UNUSABLE_ZH = "此卡在此不可使用，未扣款。"

REASONS = (
    Reason("card_unknown", "never", "customer", UNUSABLE_EN, UNUSABLE_ZH),
    Reason("credential_refused", "new", "manager", "The card did not prove itself as this amount asks. No money was moved; tap it again, and if that is refused too keep the card and call the manager.", "卡片未按此金额的要求通过验证，未扣款。请重新刷卡；若再次被拒，请留下卡片并联系经理。"),
    Reason("credential_replayed", "new", "customer", "This tap was used before. No money was moved; tap the card again.", "此次刷卡信息已使用过，未扣款。请重新刷卡。"),
    Reason("card_not_active", "new", "operator", "The card is not activated yet. No money was moved; activate it at the counter.", "此卡尚未激活，未扣款。请到柜台激活。"),
    Reason("card_blocked", "never", "manager", "The card is blocked. No money was moved; ask the manager.", "此卡已冻结，未扣款。请联系经理。"),
    Reason("card_lost", "never", "manager", "The card was reported lost. No money was moved; call the manager.", "此卡已挂失，未扣款。请联系经理。"),
    Reason("card_expired", "never", "operator", "The card has expired. No money was moved; exchange it at the counter.", "此卡已过期，未扣款。请到柜台换卡。"),
    Reason("card_closed", "never", "operator", "The card is closed. No money was moved.", "此卡已注销，未扣款。"),
    Reason("out_of_scope", "never", "customer", "The card is not accepted in this store. No money was moved.", "此卡不适用于本店，未扣款。"),
    Reason("currency_mismatch", "never", "operator", "The card holds another currency. No money was moved.", "卡片币种不符，未扣款。"),
    Reason("type_not_allowed", "never", "operator", "This operation is not offered for this card. No money was moved.", "此卡不支持该操作，未扣款。"),
    Reason("original_unknown", "never", "operator", "The original transaction was not found. No money was moved.", "未找到原交易，未动账。"),
    Reason("original_not_reversible", "never", "manager", "The original can no longer be undone. No money was moved; ask the manager.", "原交易已不可撤销，未动账。请联系经理。"),
    Reason("already_reversed", "never", "operator", "It was undone before. No money was moved by this.", "该交易已撤销，本次未动账。"),
    Reason("amount_over_original", "new", "operator", "More than is left of the original. No money was moved.", "金额超过原交易可退余额，未动账。"),
    Reason("limit_single", "new", "operator", "Over the limit for one transaction. No money was moved; use a smaller amount.", "超过单笔限额，未动账。请减少金额。"),
    Reason("limit_day", "new", "customer", "Over the card's limit for today. No money was moved; use a smaller amount or another tender.", "超过当日限额，未动账。请减少金额或换用其他支付方式。"),
    Reason("limit_balance", "new", "operator", "The card would hold more than it may. No money was moved; top up less.", "超过卡内余额上限，未动账。请减少充值金额。"),
    Reason("pin_required", "new", "customer", "The PIN is needed. No money was moved.", "需要输入密码，未扣款。"),
    Reason("pin_wrong", "new", "customer", "The PIN is wrong. No money was moved; try again.", "密码错误，未扣款。请重试。"),
    Reason("pin_locked", "never", "operator", "The PIN is locked after too many tries. No money was moved; set a new one at the counter.", "密码错误次数过多已锁定，未扣款。请到柜台重置密码。"),
    Reason("insufficient_because_of_hold", "new", "customer", "Part of the balance is held. No money was moved; release the hold or use a smaller amount.", "部分余额已被预授权冻结，未扣款。请解除预授权或减少金额。"),
    Reason("insufficient_funds", "new", "customer", "Not enough balance. No money was moved; top up or pay part by another tender.", "余额不足，未扣款。请充值或用其他方式补足。"),
)  # fmt: skip
# What stands behind a decline whose reason alone does not say it; it is told in the reason's place.
CAUSES = {
    "issued_by_operator": (
        "You issued this card today, so you cannot give its value back yourself. No money was moved; ask another person.",
        "此卡由您今天开出，不能由您本人退款，未扣款。请由其他人办理。",
    ),
    "bonus_to_come": (
        "Parts of a bonus are still to come to this card, and would be lost. No money was moved; move the amount instead.",
        "此卡还有分期赠送未到账，合并后将失去。未动账，请改用转移金额。",
    ),
    "second_person_needed": (
        "This amount needs a second person's approval. No money was moved; ask for it first.",
        "此金额须由第二人批准，未扣款。请先提交审批。",
    ),
    "shortfall_owed": (
        "The card still owes for a purchase made while the terminal was offline. No money was moved; top up what it owes first.",
        "此卡因终端离线期间的消费仍有欠款，未扣款。请先充值补足欠款。",
    ),
}
PRECEDENCE = tuple(reason.code for reason in REASONS)
_BY_CODE = {reason.code: reason for reason in REASONS}
APPROVED = Reason("approved", "never", "operator", "Approved.", "交易成功。")


def reason_of(code: str | None) -> Reason:
    """Give the row of a reason's code; for None the one that says approved."""
    return APPROVED if code is None else _BY_CODE[code]
