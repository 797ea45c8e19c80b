"""The grammar of the command box."""

import pytest

from prepaid.money import Money
from prepaid.web.counter.commands import Sought, Typed, list_sought, read_amount

# Made by make_number and make_qr; written down, so that every worker collects the same tests.
NUMBER = "8600460211209625"
CODE = "87456498193432909705"


@pytest.mark.parametrize(
    ("text", "sign", "minor"),
    [
        ("+100", "+", 10_000),
        ("-36.5", "-", 3_650),
        ("−36.50", "-", 3_650),
        ("+ 100", "+", 10_000),
        ("＋１００", "+", 10_000),
        ("-36。5", "-", 3_650),
        ("+1,234.56", "+", 123_456),
        ("100", "", 10_000),
        (".5", "", 50),
        ("+100.", "+", 10_000),
        ("*18", "*", 1_800),
        ("×18", "*", 1_800),
        ("/200", "/", 20_000),
        ("÷200", "/", 20_000),
        ("／ 200", "/", 20_000),
    ],
)
def test_an_amount_is_read_in_every_way_it_is_typed(text: str, sign: str, minor: int) -> None:
    assert read_amount(text, "CNY") == Typed(sign, Money(minor, "CNY"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "+",
        "-",
        "*",
        "/",
        "**18",
        "18/2",
        "abc",
        "1 2",
        "+1,23",
        "36,5",
        "+1+2",
        NUMBER,
        f"+{NUMBER}",
        "1e5",
    ],
)
def test_what_is_not_an_amount_is_not_read_as_one(text: str) -> None:
    assert read_amount(text, "CNY") is None


def test_more_decimals_than_the_currency_has_are_refused() -> None:
    assert read_amount("+1.234", "CNY") == Typed("+", None)
    assert read_amount("+1.5", "JPY") == Typed("+", None)
    assert read_amount("+0.00", "CNY") == Typed("+", None)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (NUMBER, [Sought("number", NUMBER)]),
        (" ".join(NUMBER[i : i + 4] for i in range(0, 16, 4)), [Sought("number", NUMBER)]),
        (CODE, [Sought("qr", CODE)]),
        ("04A1B2C3D4E5F6", [Sought("uid", "04A1B2C3D4E5F6")]),
        ("04:a1:b2:c3:d4:e5:f6", [Sought("uid", "04A1B2C3D4E5F6")]),
        ("06H0NE6MBH99", [Sought("rrn", "06H0NE6MBH99")]),
        ("06h0-ne6m-bh99", [Sought("rrn", "06H0NE6MBH99")]),
        ("hello", []),
        ("", []),
    ],
)
def test_a_card_is_named_by_number_code_uid_or_receipt(text: str, found: list[Sought]) -> None:
    assert list_sought(text) == found


def test_a_scan_behind_something_typed_is_found_by_its_tail() -> None:
    assert Sought("number", NUMBER, is_tail=True) in list_sought(f"+5{NUMBER}")
    assert Sought("qr", CODE, is_tail=True) in list_sought(f"abc {CODE}")


@pytest.mark.parametrize("lost", range(1, 8))
def test_a_cut_scan_names_no_card(lost: int) -> None:
    for cut in (NUMBER[lost:], NUMBER[:-lost], CODE[lost:], CODE[:-lost]):
        assert all(sought.by not in ("number", "qr") for sought in list_sought(cut))
