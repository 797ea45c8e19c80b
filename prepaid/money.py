"""Money: integer minor units and an ISO 4217 currency, from JSON to column; floats are refused.

Knows exponents, units that stand beside money, and exact parsing of typed amounts; must not know a screen.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from django.utils.translation import ngettext

# ISO 4217: the currencies whose minor unit is not a hundredth.
NO_DECIMALS = (
    "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV",
    "XAF", "XOF", "XPF",
)  # fmt: skip
THREE_DECIMALS = ("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND")
# What a program may count in place of money, each whole. ISO 4217 leaves codes of X.. to their users;
# these are none of its own, such as XAU, XTS and XXX (ADR 0033).
VISITS, MINUTES, PRIVILEGES = "XVS", "XMN", "XPV"
UNITS = (VISITS, MINUTES, PRIVILEGES)
EXPONENTS = dict.fromkeys((*NO_DECIMALS, *UNITS), 0) | dict.fromkeys(THREE_DECIMALS, 3)
SYMBOLS = {"CNY": "¥", "JPY": "¥", "USD": "$", "EUR": "€", "GBP": "£", "HKD": "HK$", "KRW": "₩"}
AMOUNT_MINOR_MAX = 10**12


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in integer minor units of one currency, or of a unit that stands in its place."""

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


def is_unit(currency: str) -> bool:
    """Say whether this counts visits, minutes or privileges, and no money."""
    return currency in UNITS


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
    """Show an amount: money the one way that both languages share, `¥1,403.93`; units in words, `8 visits`.

    A true minus sign stands before either.
    """
    places = exponent_of(money.currency)
    whole, rest = divmod(abs(money.amount_minor), 10**places)
    digits = f"{whole:,}" + (f".{rest:0{places}d}" if places else "")
    sign = "−" if money.amount_minor < 0 else ""
    if is_unit(money.currency):
        return f"{sign}{digits}" + (f" {unit_word(money.currency, whole)}" if symbol else "")
    mark = SYMBOLS.get(money.currency, money.currency + " ") if symbol else ""
    return f"{sign}{mark}{digits}"


def format_percent(rate_ppm: int) -> str:
    """Show a rate that is kept in millionths, with at least two decimals: `3.00 %`, `3.875 %`."""
    whole, rest = divmod(rate_ppm, 10_000)
    digits = f"{rest:04d}".rstrip("0").ljust(2, "0")
    return f"{whole}.{digits} %"


def unit_word(currency: str, count: int) -> str:
    """Name a unit as it stands after so many of it, in the language of the page."""
    if currency == VISITS:
        return ngettext("visit", "visits", count)
    if currency == MINUTES:
        return ngettext("min", "min", count)
    return ngettext("privilege", "privileges", count)
