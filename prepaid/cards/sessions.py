"""Conversations with a card: what is kept between two calls of the terminal that carries them.

Knows rows, times and lists of commands; must not know what a command means to a card.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from prepaid.cards.errors import SessionOver
from prepaid.cards.models import CardSession, Proof

KEPT_FOR = {"challenge": timedelta(seconds=30), "personalise": timedelta(minutes=5)}
# A proof that was used or has expired is kept a while, to tell a token used twice from one never given.
SWEPT_AFTER = timedelta(hours=1)
State = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What a terminal is to do next: commands in order, as bytes on the air, or nothing more.

    `token` ends a challenge; `key_version` ends a personalisation, and `card_id` says whose.
    """

    session: UUID
    commands: tuple[bytes, ...] = ()
    token: str | None = None
    key_version: int | None = None
    card_id: UUID | None = None


def open_session(kind: str, *, terminal_id: UUID, state: State, at: datetime) -> UUID:
    """Keep what is awaited from a card; the session's id returns."""
    return CardSession.objects.create(
        kind=kind, terminal_id=terminal_id, state=state, expires_at=at + KEPT_FOR[kind]
    ).id


def take_session(session: UUID, kind: str, *, terminal_id: UUID, answers: int, at: datetime) -> State:
    """Take what was awaited, which nobody else can take then: call in one atomic with `keep_session`.

    Locks the session's row. Raises SessionOver: unknown, expired, another's, or not of so many answers.
    """
    found = (
        CardSession.objects.select_for_update()
        .filter(pk=session, kind=kind, terminal_id=terminal_id, expires_at__gt=at)
        .first()
    )
    if found is None or found.state["awaited"] != answers:
        raise SessionOver("There is no such conversation with a card: begin another. No money was moved.")
    state: State = found.state
    return state


def keep_session(session: UUID, state: State) -> None:
    """Keep what is awaited next."""
    CardSession.objects.filter(pk=session).update(state=state)


def end_session(session: UUID) -> None:
    """Forget a session: nothing more is awaited."""
    CardSession.objects.filter(pk=session).delete()


def sweep_sessions(at: datetime) -> int:
    """Remove what is over, sessions and proofs, and count it."""
    sessions, _ = CardSession.objects.filter(expires_at__lt=at).delete()
    proofs, _ = Proof.objects.filter(expires_at__lt=at - SWEPT_AFTER).delete()
    return sessions + proofs
