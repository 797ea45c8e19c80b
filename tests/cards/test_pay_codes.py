"""A pay code's form, its windows, and what a guess or a cut scan comes to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import luhn

from prepaid.cards import numbers
from prepaid.cards.pay_codes import (
    EARLY_S,
    WINDOW_S,
    make_code,
    make_phone_number,
    parse_code,
    verify,
    window_at,
)

PHONE, SECRET = "123456789", bytes(range(32))
# The first second of a window, in November 2026.
AT = datetime.fromtimestamp(1_795_765_200, UTC)
PHONES = st.from_regex(r"\A[0-9]{9}\Z")
WINDOWS = st.integers(0, 2**40)
VECTOR = "881234567894070888320232"


def state(code: str, *, seconds_later: float = 0) -> str:
    read = parse_code(code)
    assert read is not None
    return verify(read, lambda phone: SECRET, at=AT + timedelta(seconds=seconds_later)).state


def test_code_is_the_one_that_the_page_must_make_too() -> None:
    assert make_code(PHONE, SECRET, 59_858_840) == VECTOR


@given(PHONES, WINDOWS)
def test_code_is_24_digits_of_our_prefix_with_a_check_digit(phone: str, window: int) -> None:
    code = make_code(phone, SECRET, window)

    assert len(code) == 24
    assert code.isdecimal()
    assert code.startswith("88")
    assert luhn.is_valid(code)
    assert parse_code(numbers.grouped(code)) == parse_code(code)


@pytest.mark.parametrize(
    ("seconds_later", "expected"),
    [(-EARLY_S, "fresh"), (0, "fresh"), (WINDOW_S, "fresh"), (2 * WINDOW_S - 1, "fresh"),
     (2 * WINDOW_S, "expired"), (40 * 60, "expired"), (60 * 60, "forged"), (-EARLY_S - 1, "forged")],
)  # fmt: skip
def test_code_is_taken_in_its_window_and_the_next(seconds_later: float, expected: str) -> None:
    assert state(make_code(PHONE, SECRET, window_at(AT)), seconds_later=seconds_later) == expected


@given(st.integers(0, 23), st.integers(1, 9))
def test_one_wrong_digit_never_passes(place: int, off: int) -> None:
    code = make_code(PHONE, SECRET, window_at(AT))
    digit = (int(code[place]) + off) % 10

    assert parse_code(f"{code[:place]}{digit}{code[place + 1 :]}") is None


def test_right_check_digit_over_a_wrong_proof_is_forged() -> None:
    body = make_code(PHONE, SECRET, window_at(AT))[:12] + "0123456789"

    assert state(body + "0" + luhn.calc_check_digit(body + "0")) == "forged"


def test_code_of_another_phone_is_forged() -> None:
    code = make_code(PHONE, SECRET, window_at(AT))
    body = "88" + "987654321" + code[11:-1]

    assert state(body + luhn.calc_check_digit(body)) == "forged"


@pytest.mark.parametrize("text", ["", "88", "8812345678", "88" * 12 + "1", "x" * 24, "87001234567890123458"])
def test_what_is_no_pay_code_is_not_read_as_one(text: str) -> None:
    assert parse_code(text) is None


def test_cut_scans_are_no_pay_code() -> None:
    code = make_code(PHONE, SECRET, window_at(AT))
    cuts = [code[start:end] for start in range(24) for end in range(start, 25) if end - start < 24]

    assert [cut for cut in cuts if parse_code(cut) is not None] == []


def test_phone_numbers_are_drawn_anew() -> None:
    assert len({make_phone_number() for _ in range(1000)}) > 990


@pytest.mark.parametrize("prefix", ["87", "88", "8", "10", "15", "1", "25", "2812", "62", "6", "2"])
def test_no_program_gives_numbers_that_look_like_a_code(prefix: str) -> None:
    assert numbers.find_prefix_fault(prefix) is not None
