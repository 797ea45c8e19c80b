"""Amounts as people type and read them: major units in text, integer minor units inside, never a float.

Knows ISO 4217 exponents and the units beside money; must not know a screen.
"""

from __future__ import annotations

import re
from typing import Literal

from terminals.errors import AmountError
from terminals.messages import AMOUNT_MINOR_MAX

Language = Literal["en", "zh"]
EXPONENT_DEFAULT = 2
# What a card may count in place of money: a code that ISO 4217 leaves to its users; words for one, for many.
UNITS: dict[str, dict[Language, tuple[str, str]]] = {
    "XVS": {"en": ("visit", "visits"), "zh": ("次", "次")},
    "XMN": {"en": ("min", "min"), "zh": ("分钟", "分钟")},
    "XPV": {"en": ("privilege", "privileges"), "zh": ("项权益", "项权益")},
}
# ISO 4217: the currencies whose minor unit is not a hundredth.
EXPONENTS = {
    **dict.fromkeys(
        ("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV"), 0
    ),
    **dict.fromkeys(("XAF", "XOF", "XPF", *UNITS), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}


def exponent_of(currency: str) -> int:
    """Give how many decimals the currency has (ISO 4217)."""
    return EXPONENTS.get(currency, EXPONENT_DEFAULT)


def parse_amount(text: str, currency: str) -> int:
    """Read an amount in major units exactly and give it in minor units, 1 to 10^12; AmountError otherwise."""
    places = exponent_of(currency)
    fraction = rf"(?:\.([0-9]{{1,{places}}}))?" if places else "()"
    match = re.fullmatch(rf"([0-9]{{1,13}}){fraction}", text.strip(" "))
    if match is None:
        decimals = f"at most {places} decimals" if places else "no decimals"
        raise AmountError(f"{currency} takes digits, one point and {decimals}")
    minor = int(match[1] + (match[2] or "").ljust(places, "0"))
    if not 1 <= minor <= AMOUNT_MINOR_MAX:
        raise AmountError(f"an amount is from 1 to {AMOUNT_MINOR_MAX} minor units")
    return minor


def is_amount_begun(text: str, currency: str) -> bool:
    """Tell whether the text can still become an amount by typing on: what the amount entry lets in."""
    places = exponent_of(currency)
    fraction = rf"(\.[0-9]{{0,{places}}})?" if places else ""
    return re.fullmatch(rf"(0|[1-9][0-9]{{0,9}}){fraction}", text) is not None


def format_amount(amount_minor: int, currency: str) -> str:
    """Show an amount in major units with thousands grouped, without its currency: `1,403.93`."""
    places = exponent_of(currency)
    whole, rest = divmod(abs(amount_minor), 10**places)
    digits = f"{whole:,}" + (f".{rest:0{places}d}" if places else "")
    return f"-{digits}" if amount_minor < 0 else digits


def format_money(amount_minor: int, currency: str, language: Language = "en") -> str:
    """Show an amount with its currency's code, `CNY 1,403.93`, or with its unit's word: `8 visits`."""
    if currency in UNITS:
        return f"{format_amount(amount_minor, currency)} {unit_word(currency, amount_minor, language)}"
    return f"{currency} {format_amount(amount_minor, currency)}"


def unit_word(currency: str, count: int, language: Language) -> str:
    """Name a unit as it stands after so many of it."""
    return UNITS[currency][language][0 if count == 1 else 1]


def plain_amount(amount_minor: int, currency: str) -> str:
    """Write an amount as parse_amount reads it: `1403.93`."""
    return format_amount(amount_minor, currency).replace(",", "")
