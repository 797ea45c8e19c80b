"""The messages of bounded offline: advices, the grant under which they were approved, and the hot list.

Knows names, types and limits of what travels, as messages.py does; must not know how a grant is signed.
"""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from msgspec import Meta, Raw, Struct

from terminals.messages import Message, Said

ADVICES_MAX = 500


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
    """What a terminal may approve by itself: the signed content of a grant. Amounts are minor units.

    `issued_at` is Unix time; the grant is good for `age_s` after it. `floors` are the largest amounts by how
    a card is presented (sun, uid, qr); what is not named is not accepted.
    """

    id: UUID
    terminal: UUID
    policy: int
    issued_at: int
    age_s: int
    currency: str
    per_transaction: int
    per_card: int
    per_terminal: int
    count: int
    floors: dict[str, int]


class HotList(Said, frozen=True, kw_only=True):
    """Changes of the hot list since a version; with `full`, all of it, in place of what was kept."""

    version: int
    full: bool
    added: list[str]
    removed: list[str]
