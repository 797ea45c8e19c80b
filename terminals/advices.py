"""The messages of bounded offline: advices, the grant under which they were approved, and the hot list.

Knows names, types and limits of what travels, as messages.py does; must not know what a grant is sealed with.
"""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta, Raw, Struct

from terminals.messages import Message, Said

ADVICES_MAX = 500
SEAL_BYTES = 16


class Advices(Message, frozen=True, kw_only=True):
    """Transactions that the terminal approved by itself, oldest first; each stands alone."""

    items: Annotated[
        list[Annotated[Raw, Meta(extra_json_schema={"$ref": "#/components/schemas/Transaction"})]],
        Meta(min_length=1, max_length=ADVICES_MAX),
    ]


AdviceAnswer = Annotated[
    Any,
    Meta(
        extra_json_schema={
            "anyOf": [{"$ref": "#/components/schemas/Answer"}, {"$ref": "#/components/schemas/Problem"}]
        }
    ),
]


class AdvicesAnswer(Said, frozen=True, kw_only=True):
    """An answer for each item, in their order; a Problem for one that cannot be recorded as it is."""

    items: list[AdviceAnswer]


class Grant(Struct, frozen=True, kw_only=True, array_like=True):
    """What one terminal may approve by itself: the sealed content of a grant. Amounts are minor units.

    Its text is short, for 500 advices that each name it have to fit into one body. `issued_at`
    is Unix time; the grant is good for `age_s` after it. `floors` are the largest amounts by how a card is
    presented (sun, uid, qr); what is not named is not accepted.
    """

    id: UUID
    policy: int
    issued_at: int
    age_s: int
    currency: str
    per_transaction: int
    per_card: int
    per_terminal: int
    count: int
    floors: dict[str, int]

    def encode(self) -> bytes:
        """Write the content that is sealed."""
        return _encoder.encode(self)


_encoder = msgspec.msgpack.Encoder(uuid_format="bytes")


def write_grant(content: bytes, seal: bytes) -> str:
    """Write a grant as it travels."""
    return base64.urlsafe_b64encode(content + seal).rstrip(b"=").decode()


def read_grant(text: str) -> tuple[Grant, bytes] | None:
    """Read a grant and its seal, which is the site's to check; None for a text that is none."""
    try:
        told = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        return msgspec.msgpack.decode(told[:-SEAL_BYTES], type=Grant), told[-SEAL_BYTES:]
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        return None


class HotList(Said, frozen=True, kw_only=True):
    """Changes of the hot list since a version; with `full`, all of it, in place of what was kept."""

    version: int
    full: bool
    added: list[str]
    removed: list[str]
