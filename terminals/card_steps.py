"""Conversations with a card: the site makes every command, the terminal carries it.

Plain data, which agent and site share; must not know a key, nor what a command means.
"""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta

from terminals.messages import CardShown, CardUid, Hex, Message, Said

Technology = Literal["ntag424", "desfire", "felica_lite_s"]


class ChallengeRequest(Message, frozen=True, kw_only=True):
    """Ask for a challenge to a card, named by its SUN address or by its UID (of FeliCa its IDm)."""

    technology: Technology
    uid: CardUid | None = None
    uri: Annotated[str, Meta(min_length=1, max_length=1024)] | None = None


class PersonaliseRequest(Message, frozen=True, kw_only=True):
    """Put an issued card's keys onto the blank on the reader and bind the two; again goes on after a tear.

    Without a `number` the card is the one that the counter awaits a blank for at this terminal.
    """

    number: Annotated[str, Meta(min_length=8, max_length=32)] | None = None
    technology: Technology = "ntag424"
    uid: CardUid | None = None


class CardResponses(Message, frozen=True, kw_only=True):
    """What the card answered, one answer for each command, status words included."""

    responses: Annotated[list[Hex], Meta(max_length=64)]


class CardStep(Said, frozen=True, kw_only=True, omit_defaults=True):
    """What to send to the card next, in order, hexadecimal: whole APDUs, or FeliCa frames with their length.

    A challenge ends with `token`, good for 60 s, a personalisation with `card` and the version read back.
    """

    session: UUID | None = None
    commands: list[str] = []
    token: str | None = None
    card: CardShown | None = None
    key_version: int | None = None
