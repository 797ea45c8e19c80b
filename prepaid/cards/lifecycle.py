"""The states of a card and the changes between them: one table.

Knows states, reasons and actors; must not know who may ask for a change, nor value.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from django.db import connection, transaction

from prepaid.cards.errors import CardNotFound, ChangeRefused
from prepaid.cards.models import Card, CardEvent

State = Card.State
Change = Literal["activate", "block", "unblock", "report_lost", "recover", "close"]


@dataclass(frozen=True, slots=True)
class Rule:
    """A change: from which states it leads where. `close` is final."""

    change: Change
    before: tuple[State, ...]
    after: State


RULES = (
    Rule("activate", (State.ISSUED,), State.ACTIVE),
    Rule("block", (State.ACTIVE,), State.BLOCKED),
    Rule("unblock", (State.BLOCKED,), State.ACTIVE),
    Rule("report_lost", (State.ISSUED, State.ACTIVE, State.BLOCKED), State.LOST),
    Rule("recover", (State.LOST,), State.ACTIVE),
    Rule("close", (State.ISSUED, State.ACTIVE, State.BLOCKED, State.LOST), State.CLOSED),
)
_RULE_OF = {rule.change: rule for rule in RULES}

# One statement decides and tells what the state was: the row is locked before its state is looked at.
_CHANGE = """
with before as (select id, state from cards_card where id = %(card)s for update)
update cards_card set state = %(after)s from before
where cards_card.id = before.id and before.state = any (%(states)s)
returning before.state
"""


def change_state(card_id: UUID, change: Change, *, actor: str, at: datetime, reason: str = "") -> CardEvent:
    """Change a card's state as the table allows, and record who did it, when and why.

    Locks the card's row. Raises ChangeRefused, CardNotFound; then nothing changed.
    """
    rule = _RULE_OF[change]
    with transaction.atomic():
        with connection.cursor() as cursor:
            states = [state.value for state in rule.before]
            cursor.execute(_CHANGE, {"card": card_id, "after": rule.after.value, "states": states})
            row = cursor.fetchone()
        if row is None:
            raise _refusal(card_id, change)
        return CardEvent.objects.create(
            card_id=card_id, from_state=row[0], to_state=rule.after, reason=reason, actor=actor, at=at
        )


def record_issue(card: Card, *, actor: str, reason: str = "") -> CardEvent:
    """Record the first event of a card: that it was issued, when and by whom."""
    return CardEvent.objects.create(
        card=card, from_state="", to_state=State.ISSUED, reason=reason, actor=actor, at=card.issued_at
    )


def list_changes(state: str) -> list[Change]:
    """List the changes that a card in this state allows, in the order of the table."""
    return [rule.change for rule in RULES if state in rule.before]


def _refusal(card_id: UUID, change: Change) -> ChangeRefused | CardNotFound:
    card = Card.objects.filter(pk=card_id).first()
    return CardNotFound(card_id) if card is None else ChangeRefused(card_id, change=change, state=card.state)
