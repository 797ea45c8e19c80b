"""The errors of cards.

Knows causes; must not know HTTP or screens.
"""

from __future__ import annotations

from uuid import UUID

from prepaid.ledger.errors import PrepaidError


class CardError(PrepaidError):
    """An error of a card."""


class CardNotFound(CardError):
    """There is no such card."""

    code = "card_not_found"

    def __init__(self, card_id: UUID) -> None:
        super().__init__(f"There is no card {card_id}.")
        self.card_id = card_id


class ChangeRefused(CardError):
    """A card's state does not allow the change; nothing changed."""

    code = "change_refused"

    def __init__(self, card_id: UUID, *, change: str, state: str) -> None:
        super().__init__(f"A card that is {state} does not {change.replace('_', ' ')}.")
        self.card_id = card_id
        self.change = change
        self.state = state


class NoPin(CardError):
    """The card has no number, so that it has no PIN; nothing changed."""

    code = "no_pin"

    def __init__(self, card_id: UUID) -> None:
        super().__init__(f"The card {card_id} has no number and no PIN.")
        self.card_id = card_id


class CardUnusable(CardError):
    """A card cannot be asked or personalised; `reason` is one of the reasons of the terminal API."""

    code = "card_refused"

    def __init__(self, reason: str, text: str = "This card cannot be used here. No money was moved.") -> None:
        super().__init__(text)
        self.reason = reason


class SessionOver(CardError):
    """There is no such conversation with a card, or it is over: begin another."""

    code = "not_found"


class NoneAwaited(CardError):
    """No card awaits a blank at this terminal; nothing was changed."""

    code = "not_found"


class ProofRefused(CardError):
    """The card on the reader did not prove to be the one that it says. Nothing moved."""

    code = "NFC-CARD-02"

    def __init__(self, text: str, *, credential_id: UUID | None = None, is_copied: bool = False) -> None:
        """`credential_id` where the answer was made with another key; `is_copied`: by no honest card."""
        super().__init__(text)
        self.credential_id = credential_id
        self.is_copied = is_copied


class ForeignCard(CardError):
    """The card on the reader holds somebody else's keys, or is of a kind that cannot be personalised."""

    code = "NFC-CARD-01"


class AlreadyPersonalised(CardError):
    """The chip or the card has its counterpart already; nothing was changed."""

    code = "already_bound"
