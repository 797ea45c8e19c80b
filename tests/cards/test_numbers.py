"""Card numbers, PINs and printed codes: what is made is read, and what is cut or mistyped is not."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import luhn

from prepaid.cards import numbers

ANY_PREFIXES = st.from_regex(r"\A[0-9]{1,8}\Z")
PREFIXES = ANY_PREFIXES.filter(lambda prefix: numbers.find_prefix_fault(prefix) is None)
# Made once a run: a strategy that makes another number each time is not one that can be repeated.
NUMBERS = st.sampled_from([numbers.make_number(prefix) for prefix in ("8600", "86001", "9", "86001234") * 25])
CODES = st.sampled_from([numbers.make_qr() for _ in range(50)])


@given(PREFIXES)
def test_number_begins_with_its_prefix_and_ends_with_its_check_digit(prefix: str) -> None:
    number = numbers.make_number(prefix)

    assert number.startswith(prefix)
    assert 16 <= len(number) <= 20
    assert len(number) - len(prefix) - 1 >= numbers.NUMBER_RANDOM_DIGITS_MIN
    assert luhn.is_valid(number)
    assert numbers.parse_number(number) == number


@pytest.mark.parametrize(("prefix", "length"), [("8600", 16), ("86001", 17), ("86001234", 20)])
def test_number_is_as_long_as_its_prefix_asks(prefix: str, length: int) -> None:
    assert len(numbers.make_number(prefix)) == length


@pytest.mark.parametrize(
    ("prefix", "fault"),
    [
        ("", "A prefix is 1 to 8 digits"),
        ("123456789", "A prefix is 1 to 8 digits"),
        ("86x", "A prefix is 1 to 8 digits"),
        ("８６", "A prefix is 1 to 8 digits"),
        ("87", "printed codes"),
        ("8712", "printed codes"),
        # Luhn counts a leading 0 as nothing, and the 1 and 8 of an even number as 2 + 8.
        ("012345", "lost its first digits"),
        ("180000", "lost its first digits"),
    ],
)
def test_prefix_that_cannot_be_one_is_refused(prefix: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        numbers.make_number(prefix)


def test_printed_code_is_twenty_digits_with_a_check() -> None:
    code = numbers.make_qr()

    assert re.fullmatch("87[0-9]{18}", code)
    assert luhn.is_valid(code)
    assert numbers.parse_qr(code) == code


@given(st.one_of(NUMBERS, CODES), st.data())
def test_one_wrong_digit_is_always_refused(digits: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(digits) - 1))
    wrong = data.draw(st.sampled_from("0123456789").filter(lambda digit: digit != digits[place]))
    mistyped = digits[:place] + wrong + digits[place + 1 :]

    assert numbers.classify(mistyped) is None


@given(st.one_of(NUMBERS, CODES), st.data())
def test_scan_that_lost_digits_at_either_end_is_always_refused(digits: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(digits) - 1))
    end = data.draw(st.integers(start, len(digits)))
    part = digits[start:end]

    assert numbers.classify(part) == (None if part != digits else numbers.classify(digits))


@given(st.text(max_size=40))
def test_what_was_not_made_here_is_never_misread(text: str) -> None:
    kind = numbers.classify(text)

    plain = numbers.parse_number(text) or numbers.parse_qr(text)
    assert (kind is None) == (plain is None)
    assert plain is None or luhn.is_valid(plain)


@pytest.mark.parametrize("payment_code", ["134567890123456789", "2801234567890123450", "6212345678901234567"])
def test_payment_codes_of_others_are_no_printed_codes(payment_code: str) -> None:
    assert numbers.parse_qr(payment_code) is None


@pytest.mark.parametrize(
    "typed",
    [
        "8600 1234 5678 9012",
        "8600-1234-5678-9012",
        "  8600123456789012\n",
        "8600\u00a01234\u00a05678\u00a09012",
        "８６００１２３４５６７８９０１２",
    ],
)
def test_number_is_read_as_people_type_it(typed: str) -> None:
    assert numbers.parse_number(typed) == "8600123456789012"


@pytest.mark.parametrize(
    "typed", ["", "8600", "8600123456789011", "8600.1234.5678.9012", "86001234٥6789012", "8600123456789012x"]
)
def test_what_is_no_number_is_not_read(typed: str) -> None:
    assert numbers.parse_number(typed) is None


def test_number_and_printed_code_are_told_apart() -> None:
    assert numbers.classify(numbers.make_number("86001234")) == "number"
    assert numbers.classify(numbers.make_qr()) == "qr"
    assert numbers.classify("hello") is None


def test_numbers_are_not_sequential() -> None:
    made = [int(numbers.make_number("8600")[4:15]) for _ in range(50)]

    gaps = {later - earlier for earlier, later in pairwise(made)}
    assert len(set(made)) == 50
    assert len(gaps) == 49
    assert min(abs(gap) for gap in gaps) > 1


def test_pin_is_six_digits_and_not_always_the_same() -> None:
    pins = {numbers.make_pin() for _ in range(50)}

    assert all(re.fullmatch("[0-9]{6}", pin) for pin in pins)
    assert len(pins) > 40


def test_pin_is_read_as_people_type_it() -> None:
    assert numbers.parse_pin(" 12 34-５６ ") == "123456"


def test_number_is_printed_in_groups_of_four() -> None:
    assert numbers.grouped("8600123456789012") == "8600 1234 5678 9012"
    assert numbers.grouped("860012345678901223") == "8600 1234 5678 9012 23"
