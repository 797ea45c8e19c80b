"""What a presented card comes down to before the database: the keyed hash of a credential, and its proofs.

Knows the methods of the terminal API and the site's keys; must not know the database, value or HTTP.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Presentation:
    """A presented card; `refusal` is a reason that was found without the database, such as a wrong MAC.

    `card_id` comes with the method "desk" alone: staff opened the card on their screen.
    """

    method: str
    lookup: bytes | None = None
    counter: int | None = None
    key_version: int = 0
    pin_mac: bytes | None = None
    refusal: str | None = None
    card_id: UUID | None = None


def at_the_desk(card_id: UUID) -> Presentation:
    """Present a card that staff opened on their screen."""
    return Presentation(method="desk", card_id=card_id)
