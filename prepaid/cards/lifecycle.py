"""The states of a card and the changes between them: one table, the same in docs/architecture.md.

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
from prepaid.identifiers import uuid7

State = Card.State
Change = Literal[
    "activate", "block", "unblock", "report_lost", "recover", "replace", "exchange", "set_pin", "personalise",
    "reassign", "close", "reopen",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rule:
    """A change: from which states it leads where; `after` is None where the state stays as it is."""

    change: Change
    before: tuple[State, ...]
    after: State | None


RULES = (
    Rule("activate", (State.ISSUED,), State.ACTIVE),
    Rule("block", (State.ACTIVE,), State.BLOCKED),
    Rule("unblock", (State.BLOCKED,), State.ACTIVE),
    Rule("report_lost", (State.ISSUED, State.ACTIVE, State.BLOCKED), State.LOST),
    Rule("recover", (State.LOST,), State.ACTIVE),
    # A closed one as well, once: a refund may come back to an account that no card presents any more.
    Rule("replace", (State.ACTIVE, State.LOST, State.CLOSED), State.CLOSED),
    Rule("exchange", (State.ACTIVE,), State.CLOSED),
    Rule("set_pin", (State.ISSUED, State.ACTIVE), None),
    Rule("personalise", (State.ISSUED, State.ACTIVE), None),
    Rule("reassign", (State.ACTIVE,), None),
    Rule("close", (State.ISSUED, State.ACTIVE, State.BLOCKED, State.LOST), State.CLOSED),
    # Made by nothing but the void of the transaction that closed the card.
    Rule("reopen", (State.CLOSED,), State.ACTIVE),
)
_RULE_OF = {rule.change: rule for rule in RULES}

# One statement decides and tells what the state was: the row is locked before its state is looked at.
_CHANGE = """
with before as (select id, state from cards_card where id = %(card)s for update)
update cards_card set state = coalesce(%(after)s, before.state) from before
where cards_card.id = before.id and before.state = any (%(states)s)
returning before.state, cards_card.state, cards_card.account_id
"""
# A stop waits for what is being posted with the card, and everything after finds it stopped (ADR 0094).
_LOCK_ACCOUNT = "select ledger_lock_account(%s)"


def change_state(
    card_id: UUID,
    change: Change,
    *,
    actor: str,
    at: datetime,
    reason: str = "",
    event_id: UUID | None = None,
    from_holder_id: UUID | None = None,
    to_holder_id: UUID | None = None,
) -> CardEvent:
    """Change a card as the table allows, and record who did it, when and why; the holders of a reassignment.

    Locks the card's row, then its account's where the card is stopped. Raises ChangeRefused, CardNotFound;
    then nothing changed.
    """
    rule = rule_of(change)
    with transaction.atomic():
        with connection.cursor() as cursor:
            states = [state.value for state in rule.before]
            after = None if rule.after is None else rule.after.value
            cursor.execute(_CHANGE, {"card": card_id, "after": after, "states": states})
            row = cursor.fetchone()
            if row is None:
                raise _refusal(card_id, change)
            if row[0] == State.ACTIVE and row[1] != State.ACTIVE:
                cursor.execute(_LOCK_ACCOUNT, [row[2]])
        return CardEvent.objects.create(
            id=event_id or uuid7(),
            card_id=card_id,
            change=change,
            from_state=row[0],
            to_state=row[1],
            reason=reason,
            actor=actor,
            at=at,
            from_holder_id=from_holder_id,
            to_holder_id=to_holder_id,
        )


def record_issue(card: Card, *, actor: str, reason: str = "") -> CardEvent:
    """Record the first event of a card: that it was issued, when and by whom."""
    return CardEvent.objects.create(
        card=card,
        change="issue",
        from_state="",
        to_state=State.ISSUED,
        reason=reason,
        actor=actor,
        at=card.issued_at,
    )


def rule_of(change: Change) -> Rule:
    """Give the table's row of a change."""
    return _RULE_OF[change]


def list_changes(state: str) -> list[Change]:
    """List the changes that a card in this state allows, in the order of the table."""
    return [rule.change for rule in RULES if state in rule.before]


def _refusal(card_id: UUID, change: Change) -> ChangeRefused | CardNotFound:
    card = Card.objects.filter(pk=card_id).first()
    return CardNotFound(card_id) if card is None else ChangeRefused(card_id, change=change, state=card.state)
