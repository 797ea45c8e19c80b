"""The grammar of the command box: what a typed or scanned text asks for.

Knows texts; must not know a database, a screen or the state of a card.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

from prepaid.cards import numbers, pay_codes
from prepaid.identifiers import RRN_LENGTH, ids_of_rrn
from prepaid.money import Money, parse_amount

Sign = Literal["+", "-", "*", "/", ""]
SoughtBy = Literal["number", "qr", "pay_code", "uid", "rrn"]
# Signs and points as input methods and phones write them.
_FOLDED = str.maketrans(
    {"−": "-", "–": "-", "—": "-", "＋": "+", "。": ".", "，": ",", "·": ".", "×": "*", "÷": "/"}
)
_AMOUNT = re.compile(r"([+*/-]?)\s*(\d{1,10}(?:\.\d*)?|\.\d+|\d{1,3}(?:,\d{3})+(?:\.\d*)?)")
_UID = re.compile(r"(?:[0-9A-F]{8}|[0-9A-F]{14}|[0-9A-F]{20})")
_BETWEEN = re.compile(r"[\s:\-]")


@dataclass(frozen=True, slots=True)
class Typed:
    """An amount: `money` is None where it cannot be one in the currency.

    `sign` chooses: + top-up, - redeem, * refund, / hold.
    """

    sign: Sign
    money: Money | None


@dataclass(frozen=True, slots=True)
class Sought:
    """A way in which a text may name a card. `is_tail`: something else was typed before it."""

    by: SoughtBy
    text: str
    is_tail: bool = False


def read_amount(text: str, currency: str) -> Typed | None:
    """Read an amount with or without its sign; None where the text does not look like one."""
    match = _AMOUNT.fullmatch(_plain(text))
    if match is None:
        return None
    sign: Sign = match[1]  # type: ignore[assignment]
    digits = match[2].replace(",", "").rstrip(".")
    try:
        money = parse_amount("0" + digits if digits.startswith(".") else digits, currency)
    except ValueError:
        return Typed(sign, None)
    return Typed(sign, money if money.amount_minor > 0 else None)


def list_sought(text: str) -> list[Sought]:
    """List the ways in which a text may name a card, the likeliest first.

    A scan that landed behind something already typed is found by its tail, which must pass its check digit.
    """
    plain = _plain(text)
    whole = _kind_of_digits(plain)
    if whole is not None:
        return [Sought(*whole)]
    compact = _BETWEEN.sub("", plain).upper()
    if len(compact) == RRN_LENGTH and _is_rrn(compact):
        return [Sought("rrn", compact)]
    if _UID.fullmatch(compact):
        return [Sought("uid", compact)]
    return _list_tails(plain)


def _list_tails(plain: str) -> list[Sought]:
    run = re.search(r"[\d ]+$", plain)
    digits = run[0].replace(" ", "") if run else ""
    found = []
    for length in (
        numbers.PAY_CODE_DIGITS,
        *range(numbers.NUMBER_DIGITS_MAX, numbers.NUMBER_DIGITS_MIN - 1, -1),
    ):
        if length <= len(digits) and (kind := _kind_of_digits(digits[-length:])) is not None:
            found.append(Sought(*kind, is_tail=True))
    return found


def _kind_of_digits(text: str) -> tuple[SoughtBy, str] | None:
    if pay_codes.parse_code(text) is not None:
        return "pay_code", numbers.digits_of(text)
    code = numbers.parse_qr(text)
    if code is not None:
        return "qr", code
    number = numbers.parse_number(text)
    return None if number is None else ("number", number)


def _is_rrn(text: str) -> bool:
    try:
        ids_of_rrn(text)
    except ValueError:
        return False
    return True


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).translate(_FOLDED).strip()
