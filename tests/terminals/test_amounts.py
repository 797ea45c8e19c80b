from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terminals.amounts import (
    EXPONENTS,
    exponent_of,
    format_amount,
    is_amount_begun,
    parse_amount,
    plain_amount,
)
from terminals.errors import AmountError
from terminals.messages import AMOUNT_MINOR_MAX

CURRENCIES = st.sampled_from(["CNY", "USD", "JPY", "KWD", "CLF"])


@given(st.integers(1, AMOUNT_MINOR_MAX), CURRENCIES)
def test_what_is_written_is_read_back_exactly(amount_minor: int, currency: str) -> None:
    assert parse_amount(plain_amount(amount_minor, currency), currency) == amount_minor


@given(st.from_regex(r"[0-9]{1,9}(\.[0-9]{1,4})?", fullmatch=True), CURRENCIES)
def test_an_amount_is_the_decimal_that_was_typed_or_refused(typed: str, currency: str) -> None:
    exact = Decimal(typed).scaleb(exponent_of(currency))
    decimals = len(typed.partition(".")[2])
    if decimals > exponent_of(currency) or not 1 <= exact <= AMOUNT_MINOR_MAX:
        with pytest.raises(AmountError):
            parse_amount(typed, currency)
    else:
        assert parse_amount(typed, currency) == int(exact)


@given(st.text(max_size=12), CURRENCIES)
def test_any_text_is_an_amount_or_an_amount_error(typed: str, currency: str) -> None:
    try:
        assert 1 <= parse_amount(typed, currency) <= AMOUNT_MINOR_MAX
    except AmountError:
        assert True


@pytest.mark.parametrize(
    ("typed", "currency", "amount_minor"),
    [
        ("12.50", "CNY", 1250),
        ("12.5", "CNY", 1250),
        ("0.01", "CNY", 1),
        ("500", "JPY", 500),
        ("1.234", "KWD", 1234),
    ],
)
def test_minor_units_follow_the_currency(typed: str, currency: str, amount_minor: int) -> None:
    assert parse_amount(typed, currency) == amount_minor


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "0",
        "0.00",
        "-1",
        "+1",
        "1.",
        ".5",
        "1.234",
        "1,000",
        "1e3",
        "１２",
        "٣",
        "nan",
        "10000000000.01",
        "1 0",
    ],
)
def test_what_is_no_amount_is_refused(typed: str) -> None:
    with pytest.raises(AmountError):
        parse_amount(typed, "CNY")


@pytest.mark.parametrize("typed", ["1.0", "1.5"])
def test_a_currency_without_decimals_takes_none(typed: str) -> None:
    with pytest.raises(AmountError):
        parse_amount(typed, "JPY")


@pytest.mark.parametrize(
    ("typed", "may"), [("0", True), ("1.", True), ("12.5", True), ("1.555", False), ("01", False)]
)
def test_the_entry_lets_in_only_what_can_become_an_amount(typed: str, may: bool) -> None:
    assert is_amount_begun(typed, "CNY") is may


def test_amounts_are_shown_grouped_with_the_currency_s_decimals() -> None:
    assert format_amount(140_393, "CNY") == "1,403.93"
    assert format_amount(140_393, "JPY") == "140,393"
    assert format_amount(-5, "KWD") == "-0.005"
    assert EXPONENTS["KWD"] == 3
