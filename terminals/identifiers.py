"""Ids and references on the terminal: UUIDv7 for a transaction, and the RRN that its receipt shows.

Knows how an id is read as a reference; must not know what an id stands for.
"""

from __future__ import annotations

from uuid import UUID

import uuid6

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
RRN_LENGTH = 12


def uuid7() -> UUID:
    """Make a UUIDv7 (RFC 9562): 48 bits of milliseconds, then random."""
    return UUID(int=uuid6.uuid7().int)


def is_uuid7(value: UUID) -> bool:
    """Tell whether an id is of the kind that the site accepts."""
    return value.version == 7 and value.variant == "specified in RFC 4122"


def rrn_of(transaction_id: UUID) -> str:
    """Give the RRN of a transaction before the site has told it: 12 Crockford base-32 characters.

    Source: ISO 8583 DE 37; the 48 time bits and the 12 bits of rand_a of RFC 9562.
    """
    bits = (transaction_id.int >> 80 << 12) | (transaction_id.int >> 64 & 0xFFF)
    return "".join(CROCKFORD[bits >> 5 * place & 31] for place in reversed(range(RRN_LENGTH)))
