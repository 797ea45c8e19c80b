"""Card numbers, PINs and printed codes: how they are made, checked and read from what people type and scan.

Knows digits; must not know keys or a database, which alone makes a number unique.
"""

from __future__ import annotations

import re
import secrets
import unicodedata
from itertools import accumulate
from typing import Literal

from stdnum import luhn

NUMBER_DIGITS_MIN = 16
NUMBER_DIGITS_MAX = 20
# However long the issuer's prefix is, this many digits of a number are random.
NUMBER_RANDOM_DIGITS_MIN = 11
PREFIX_DIGITS_MAX = NUMBER_DIGITS_MAX - NUMBER_RANDOM_DIGITS_MIN - 1
PIN_DIGITS = 6
QR_DIGITS = 20
# Tells a printed code from a number and from the payment codes of Alipay, WeChat Pay and UnionPay.
QR_PREFIX = "87"
# What Luhn's sum adds for a digit, and for one that is doubled.
_PLAIN = bytes.maketrans(b"0123456789", bytes(range(10)))
_DOUBLED = bytes.maketrans(b"0123456789", bytes((0, 2, 4, 6, 8, 1, 3, 5, 7, 9)))
# A phone's rotating code (pay_codes.py) is longer than both.
PAY_CODE_PREFIX = "88"
PAY_CODE_DIGITS = 24
# What the payment codes of WeChat Pay (10 to 15), Alipay (25 to 30) and UnionPay (62) begin with.
_FOREIGN_PREFIXES = (*map(str, range(10, 16)), *map(str, range(25, 31)), "62")
_SEPARATORS = re.compile(r"[\s\-\u2010-\u2015]")


def make_number(prefix: str) -> str:
    """Make a random card number under an issuer's prefix: 16 to 20 digits, the last one Luhn's check.

    ValueError for a prefix that find_prefix_fault finds fault with.
    """
    fault = find_prefix_fault(prefix)
    if fault is not None:
        raise ValueError(fault)
    return _make_digits(prefix, _length_under(prefix))


def find_prefix_fault(prefix: str) -> str | None:
    """Say what is wrong with an issuer's prefix; None where numbers can be made under it."""
    if not re.fullmatch(f"[0-9]{{1,{PREFIX_DIGITS_MAX}}}", prefix):
        return f"A prefix is 1 to {PREFIX_DIGITS_MAX} digits."
    for ours, whose in ((QR_PREFIX, "printed codes"), (PAY_CODE_PREFIX, "pay codes")):
        if prefix.startswith(ours):
            return f"Prefixes that begin with {ours} are those of {whose}."
    if prefix.startswith(_FOREIGN_PREFIXES):
        return "Numbers under this prefix would be taken for payment codes of WeChat Pay, Alipay or UnionPay."
    if any(taken.startswith(prefix) for taken in (QR_PREFIX, PAY_CODE_PREFIX, *_FOREIGN_PREFIXES)):
        return "Under this prefix a number could begin as a code does: choose a longer one."
    # Luhn's sum does not notice the loss of leading digits that add up to a multiple of ten.
    length = _length_under(prefix)
    lost = (prefix[:count] for count in range(1, length - NUMBER_DIGITS_MIN + 1))
    if any(luhn.checksum(digits + "0" * (length - len(digits))) == 0 for digits in lost):
        return "Under this prefix a number that lost its first digits would pass the check: choose another."
    return None


def make_qr() -> str:
    """Make a printed code: 20 digits, of which 17 are random and the last is a check. A bearer secret."""
    return _make_digits(QR_PREFIX, QR_DIGITS)


def make_pin() -> str:
    """Make a random PIN of 6 digits."""
    return _random_digits(PIN_DIGITS)


def parse_number(text: str) -> str | None:
    """Read a typed or scanned card number, in groups or not; None where it cannot be one."""
    digits = digits_of(text)
    if not NUMBER_DIGITS_MIN <= len(digits) <= NUMBER_DIGITS_MAX:
        return None
    if digits.startswith((QR_PREFIX, PAY_CODE_PREFIX)):
        return None
    return digits if luhn.is_valid(digits) else None


def parse_qr(text: str) -> str | None:
    """Read a scanned or typed printed code; None where it cannot be one, cut scans among them."""
    digits = digits_of(text)
    if len(digits) != QR_DIGITS or not digits.startswith(QR_PREFIX):
        return None
    return digits if luhn.is_valid(digits) else None


def parse_pin(text: str) -> str:
    """Read a typed PIN: without spaces, full-width digits made plain."""
    return _SEPARATORS.sub("", unicodedata.normalize("NFKC", text))


def classify(text: str) -> Literal["number", "qr"] | None:
    """Say which of ours a typed or scanned text can be; None where it is neither."""
    if parse_qr(text) is not None:
        return "qr"
    return "number" if parse_number(text) is not None else None


def grouped(digits: str) -> str:
    """Write a number or printed code in groups of four, as it is printed."""
    return " ".join(digits[start : start + 4] for start in range(0, len(digits), 4))


def digits_of(text: str) -> str:
    """Drop spaces and dashes, make full-width digits plain; empty where anything else stands between."""
    plain = _SEPARATORS.sub("", unicodedata.normalize("NFKC", text))
    return plain if re.fullmatch("[0-9]+", plain) else ""


def _length_under(prefix: str) -> int:
    return max(NUMBER_DIGITS_MIN, len(prefix) + NUMBER_RANDOM_DIGITS_MIN + 1)


def _make_digits(prefix: str, length: int) -> str:
    while True:
        body = prefix + _random_digits(length - len(prefix) - 1)
        digits = body + str(-_sum_of(body + "0") % 10)
        if not _has_valid_part(digits):
            return digits


def _sum_of(digits: str) -> int:
    """Add up digits as Luhn does: from the end, every second one doubled."""
    plain = digits.encode()
    return sum(plain[-1::-2].translate(_PLAIN)) + sum(plain[-2::-2].translate(_DOUBLED))


def _has_valid_part(digits: str) -> bool:
    """Say whether a scan that lost digits at its ends could pass the check: such are never given out.

    Luhn's sum of any part is the difference of two running sums, one for each place that is doubled: orders
    make these by the hundred thousand.
    """
    plain, doubled = digits.encode().translate(_PLAIN), digits.encode().translate(_DOUBLED)
    running = []
    for first in (0, 1):
        mixed = bytearray(plain)
        mixed[first::2] = doubled[first::2]
        running.append([0, *accumulate(mixed)])
    return any(
        (running[end % 2][end] - running[end % 2][end - length]) % 10 == 0
        for length in range(NUMBER_DIGITS_MIN, len(digits))
        for end in range(length, len(digits) + 1)
    )


def _random_digits(count: int) -> str:
    return str(secrets.randbelow(10**count)).zfill(count)
