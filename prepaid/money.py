"""Money: integer minor units and an ISO 4217 currency, from JSON to column; floats are refused.

Knows exponents and exact parsing of typed amounts; must not know a language or a screen.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# ISO 4217: the currencies whose minor unit is not a hundredth.
NO_DECIMALS = (
    "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV",
    "XAF", "XOF", "XPF",
)  # fmt: skip
THREE_DECIMALS = ("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND")
EXPONENTS = dict.fromkeys(NO_DECIMALS, 0) | dict.fromkeys(THREE_DECIMALS, 3)
SYMBOLS = {"CNY": "¥", "JPY": "¥", "USD": "$", "EUR": "€", "GBP": "£", "HKD": "HK$", "KRW": "₩"}
AMOUNT_MINOR_MAX = 10**12


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in integer minor units of one currency."""

    amount_minor: int
    currency: str

    def __post_init__(self) -> None:
        """Refuse what is not a whole number of minor units."""
        if type(self.amount_minor) is not int:
            raise TypeError("an amount is a whole number of minor units")
        if not re.fullmatch("[A-Z]{3}", self.currency):
            raise ValueError("a currency is three capital letters (ISO 4217)")


def exponent_of(currency: str) -> int:
    """Give how many decimals the currency has (ISO 4217)."""
    return EXPONENTS.get(currency, 2)


def parse_amount(text: str, currency: str) -> Money:
    """Read a typed amount in major units exactly; ValueError for anything but digits and one point."""
    places = exponent_of(currency)
    fraction = rf"(?:\.(\d{{1,{places}}}))?" if places else "()"
    match = re.fullmatch(rf"(\d{{1,13}}){fraction}", text.strip())
    if match is None:
        raise ValueError(f"not an amount in {currency}: digits, and at most {places} after the point")
    minor = int(match[1]) * 10**places + int((match[2] or "").ljust(places, "0") or "0")
    if minor > AMOUNT_MINOR_MAX:
        raise ValueError("the amount is too large")
    return Money(minor, currency)


def format_amount(money: Money, *, symbol: bool = True) -> str:
    """Show an amount the one way that both languages share: `¥1,403.93`, with a true minus sign."""
    places = exponent_of(money.currency)
    whole, rest = divmod(abs(money.amount_minor), 10**places)
    digits = f"{whole:,}" + (f".{rest:0{places}d}" if places else "")
    sign = "−" if money.amount_minor < 0 else ""
    mark = SYMBOLS.get(money.currency, money.currency + " ") if symbol else ""
    return f"{sign}{mark}{digits}"


def format_percent(rate_ppm: int) -> str:
    """Show a rate that is kept in millionths, with at least two decimals: `3.00 %`, `3.875 %`."""
    whole, rest = divmod(rate_ppm, 10_000)
    digits = f"{rest:04d}".rstrip("0").ljust(2, "0")
    return f"{whole}.{digits} %"
