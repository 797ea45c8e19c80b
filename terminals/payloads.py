"""What a scanned or typed text is, decided before anything is sent: ours, another scheme's, or mistyped.

Knows the forms of payment codes and Luhn's check; must not know the site, a scanner or a screen.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from terminals import messages
from terminals.errors import TerminalError

Scheme = Literal[
    "pay_code", "card_code", "card_number", "wechat_pay", "alipay", "unionpay", "emv_qr", "unknown"
]
TenderType = Literal["wechat_pay", "alipay", "bank_card"]
# As prepaid/cards/numbers.py and pay_codes.py make them; tests hold both against each other.
CARD_CODE_PREFIX, CARD_CODE_DIGITS = "87", 20
PAY_CODE_PREFIX, PAY_CODE_DIGITS = "88", 24
NUMBER_DIGITS = range(16, 21)
PAY_CODE_WINDOW_S = 30
EMV_PREFIX = "000201"
# A code longer than this is none of a till's: two hundred are three lines of text.
TEXT_LENGTH_MAX = 512
_SEPARATORS = re.compile(r"[\s\-\u2010-\u2015]")
_WECHAT_PAY = re.compile(r"1[0-5]\d{16}", re.ASCII)
_ALIPAY = re.compile(r"(?:2[5-9]|30)\d{14,22}", re.ASCII)
_UNIONPAY = re.compile(r"62\d{17}", re.ASCII)
_DIGITS = re.compile(r"\d+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Payload:
    """A text as it was understood. `fault` names why it presents no card of ours; `tender` what to choose."""

    scheme: Scheme
    text: str
    fault: str | None = None
    tender: TenderType | None = None

    @property
    def is_cut(self) -> bool:
        """Tell whether this is less than a whole code of ours: the scanner saw a part of it."""
        forms = {"pay_code": PAY_CODE_DIGITS, "card_code": CARD_CODE_DIGITS, "card_number": NUMBER_DIGITS[0]}
        return len(self.text) < forms.get(self.scheme, 0)


class PayloadRefused(TerminalError):
    """What was scanned or typed presents no card of ours: nothing was sent, no money moved."""

    retry: messages.Retry = "new"

    def __init__(self, payload: Payload) -> None:
        # A text that may be another scheme's secret is not repeated.
        super().__init__(payload.fault or "CODE-STD-01", payload.scheme)
        self.payload = payload


def classify(text: str) -> Payload:
    """Say what a text is. Other schemes are told by their form alone, ours by form and check digit."""
    if len(text) > TEXT_LENGTH_MAX:
        return Payload("unknown", text[:TEXT_LENGTH_MAX], "CODE-STD-01")
    plain = _SEPARATORS.sub("", unicodedata.normalize("NFKC", text))
    if plain.startswith(EMV_PREFIX):
        return Payload("emv_qr", plain, "CODE-STD-01")
    if not _DIGITS.fullmatch(plain):
        return Payload("unknown", plain, "CODE-STD-01")
    if _WECHAT_PAY.fullmatch(plain):
        return Payload("wechat_pay", plain, "CODE-STD-01", "wechat_pay")
    if _ALIPAY.fullmatch(plain):
        return Payload("alipay", plain, "CODE-STD-01", "alipay")
    if _UNIONPAY.fullmatch(plain):
        return Payload("unionpay", plain, "CODE-STD-01", "bank_card")
    return _classify_ours(plain)


def card_of(text: str, *, entry: messages.Entry, pin: str | None = None) -> messages.Card:
    """Make the card that a text presents. Raises PayloadRefused (CODE-STD-01, CODE-CHK-01)."""
    payload = classify(text)
    if payload.fault is not None:
        raise PayloadRefused(payload)
    if payload.scheme == "pay_code":
        return messages.PayCodeCard(code=payload.text, entry=entry)
    if payload.scheme == "card_code":
        return messages.QrCard(code=payload.text, entry=entry)
    return messages.NumberCard(number=payload.text, pin=pin, entry=entry)


def see_that_tender_fits(tender: str, reference: str | None) -> None:
    """Refuse a customer's payment code of one scheme as the reference of another tender.

    Raises PayloadRefused (OPS-TND-01), which suggests the tender that the code belongs to.
    """
    if reference is None or tender not in {"wechat_pay", "alipay", "bank_card"}:
        return
    payload = classify(reference)
    if payload.tender not in {None, tender}:
        raise PayloadRefused(replace(payload, fault="OPS-TND-01"))


def name_refusal(card: messages.Card, reason: str | None, *, at: datetime) -> str | None:
    """Name the fault behind a site's reason where the card was a pay code; any other reason is its own name.

    The site tells a code that was spent from one that proves nothing; the window in the code and this
    machine's clock tell an old one from a forged one.
    """
    if not isinstance(card, messages.PayCodeCard):
        return reason
    if reason == "credential_replayed":
        return "CODE-USED-01"
    if reason != "credential_refused":
        return reason
    named = int(card.code[11:13]) if len(card.code) == PAY_CODE_DIGITS else -1
    now = int(at.timestamp()) // PAY_CODE_WINDOW_S
    is_now = named in {window % 100 for window in (now - 1, now, now + 1)}
    return "CODE-SIG-01" if is_now else "CODE-EXP-01"


def has_check_digit(digits: str) -> bool:
    """Check Luhn's digit, the last one."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _classify_ours(digits: str) -> Payload:
    forms: tuple[tuple[str, int, Scheme], ...] = (
        (PAY_CODE_PREFIX, PAY_CODE_DIGITS, "pay_code"),
        (CARD_CODE_PREFIX, CARD_CODE_DIGITS, "card_code"),
    )
    for prefix, length, scheme in forms:
        if digits.startswith(prefix):
            is_whole = len(digits) == length and has_check_digit(digits)
            return Payload(scheme, digits, None if is_whole else "CODE-CHK-01")
    if len(digits) > NUMBER_DIGITS[-1]:
        return Payload("unknown", digits, "CODE-STD-01")
    is_whole = len(digits) in NUMBER_DIGITS and has_check_digit(digits)
    return Payload("card_number", digits, None if is_whole else "CODE-CHK-01")
