"""Ids and references: UUIDv7 made by the caller of a transaction, and the RRN printed on its receipt.

Knows how an id is read as a reference and back; must not know what an id stands for.
"""

from __future__ import annotations

from uuid import UUID

from uuid6 import uuid7 as _uuid7

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
RRN_LENGTH = 12


def uuid7() -> UUID:
    """Make a UUIDv7 (RFC 9562): 48 bits of milliseconds, then random."""
    return UUID(int=_uuid7().int)


def rrn_of(transaction_id: UUID) -> str:
    """Give the RRN of a transaction: 12 Crockford base-32 characters of its time and first random bits.

    Source: ISO 8583 DE 37 (12 characters); the 48 time bits and the 12 bits of rand_a of RFC 9562.
    """
    bits = (transaction_id.int >> 80 << 12) | (transaction_id.int >> 64 & 0xFFF)
    return "".join(CROCKFORD[bits >> 5 * place & 31] for place in reversed(range(RRN_LENGTH)))


def ids_of_rrn(rrn: str) -> tuple[UUID, UUID]:
    """Give the first and last UUIDv7 that an RRN can stand for; ValueError where it is none.

    The range is one of the primary key, so that a receipt is found without an index of its own.
    """
    folded = rrn.strip().upper().replace("-", "").replace(" ", "").translate(str.maketrans("OIL", "011"))
    if len(folded) != RRN_LENGTH or any(letter not in CROCKFORD for letter in folded):
        raise ValueError("an RRN is 12 letters and digits")
    bits = 0
    for letter in folded:
        bits = bits << 5 | CROCKFORD.index(letter)
    head = (bits >> 12 << 80) | (7 << 76) | ((bits & 0xFFF) << 64)
    return UUID(int=head), UUID(int=head | (1 << 64) - 1)
