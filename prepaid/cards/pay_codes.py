"""The rotating codes that a card holder's phone shows: how one is made, read and proved.

Knows digits, time and HMAC; must not know the database, which lets each code be spent once, nor a page.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from stdnum import luhn

from prepaid.cards.numbers import PAY_CODE_DIGITS, PAY_CODE_PREFIX, digits_of

# A window is half a minute; its code is taken until the next window ends, so it lives 30 to 60 s.
WINDOW_S = 30
WINDOWS_TAKEN = 2
# A phone's clock follows the site's by this much at worst, the way to the till aside.
EARLY_S = 5
PHONE_DIGITS = 9
WINDOW_DIGITS = 2
PROOF_DIGITS = 10
SECRET_BYTES = 32
_WINDOWS_NAMED = 10**WINDOW_DIGITS
_PARTS = re.compile(
    f"{PAY_CODE_PREFIX}([0-9]{{{PHONE_DIGITS}}})([0-9]{{{WINDOW_DIGITS}}})([0-9]{{{PROOF_DIGITS}}})[0-9]"
)


@dataclass(frozen=True, slots=True)
class PayCode:
    """A code taken apart: whose phone, which window (its last two digits), and the proof of both."""

    phone: str
    window_named: int
    proof: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a code proves at a moment; only a fresh one may be spent, and its window once."""

    state: Literal["fresh", "expired", "forged"]
    window: int


def make_phone_number() -> str:
    """Draw the number by which a phone's codes name it: 9 digits that say nothing."""
    return str(secrets.randbelow(10**PHONE_DIGITS)).zfill(PHONE_DIGITS)


def window_at(at: datetime) -> int:
    """Give the window that a moment lies in, counted from 1970."""
    return int(at.timestamp()) // WINDOW_S


def make_code(phone: str, secret: bytes, window: int) -> str:
    """Make a phone's code of a window: 24 digits, the last one Luhn's check. pay/code.js does the same."""
    body = (
        f"{PAY_CODE_PREFIX}{phone}{window % _WINDOWS_NAMED:0{WINDOW_DIGITS}}{_proof(phone, secret, window)}"
    )
    return body + luhn.calc_check_digit(body)


def parse_code(text: str) -> PayCode | None:
    """Read a scanned or typed code; None where it cannot be one, cut scans among them."""
    digits = digits_of(text)
    found = _PARTS.fullmatch(digits) if len(digits) == PAY_CODE_DIGITS and luhn.is_valid(digits) else None
    return None if found is None else PayCode(found[1], int(found[2]), found[3])


def verify(code: PayCode, secret_of: Callable[[str], bytes], *, at: datetime) -> Verdict:
    """Prove a code against its phone's secret: the newest window of that name that has begun by now.

    Whether it was spent before is the posting's to decide, in its own commit.
    """
    latest = int(at.timestamp() + EARLY_S) // WINDOW_S
    window = latest - (latest - code.window_named) % _WINDOWS_NAMED
    expected = _proof(code.phone, secret_of(code.phone), window)
    if not hmac.compare_digest(expected, code.proof):
        return Verdict("forged", window)
    return Verdict("fresh" if window > window_at(at) - WINDOWS_TAKEN else "expired", window)


def _proof(phone: str, secret: bytes, window: int) -> str:
    mac = hmac.digest(secret, b"pay_code:" + phone.encode() + window.to_bytes(8), "sha256")
    return str(int.from_bytes(mac[:8]) % 10**PROOF_DIGITS).zfill(PROOF_DIGITS)
