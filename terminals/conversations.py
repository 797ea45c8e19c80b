"""Conversations between the site and the card on the reader: the agent carries what each says to the other.

Knows when a card has to prove itself; must not know a key, nor what a command means.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from terminals import messages
from terminals.errors import AnswerUnknown, Refused
from terminals.readers import Reader, ReaderError, Tap
from terminals.site import Site

# A conversation that does not come to an end is the site's fault.
STEPS_MAX = 32
PERSONALISED = ("ntag424", "felica_lite_s")


def card_to_present(
    site: Site, reader: Reader, tap: Tap, *, amount_minor: int | None, floor_minor: int | None
) -> messages.Card:
    """Give what the site is told of a tapped card: above the floor, the token of a challenge.

    A FeliCa card has no other proof and is always challenged; one that the site knows by its UID alone is
    told by that. Raises ReaderError NFC-RF-01 (the card left), Refused NFC-CARD-02, and what a call raises.
    """
    if tap.technology == "felica_lite_s":
        try:
            return prove(site, reader, tap)
        except Refused as refusal:
            if refusal.code != "card_unknown":
                raise
            return tap.card
    is_above = floor_minor is not None and amount_minor is not None and amount_minor > floor_minor
    return prove(site, reader, tap) if is_above and isinstance(tap.card, messages.SunCard) else tap.card


def prove(site: Site, reader: Reader, tap: Tap) -> messages.TokenCard:
    """Have the card of a tap prove itself while it lies there; the token to pay with returns."""
    if tap.technology == "felica_lite_s":
        request = messages.ChallengeRequest(technology="felica_lite_s", uid=tap.uid)
    else:
        # By its message, for a random UID names nobody.
        request = messages.ChallengeRequest(technology="ntag424", uri=tap.uri)
    with reader.holding():
        step = site.begin_challenge(request)
        session = _session(step)
        for _ in range(STEPS_MAX):
            step = site.continue_challenge(session, _carry(reader, step.commands))
            if step.token is not None:
                return messages.TokenCard(token=step.token, entry="tap")
    raise AnswerUnknown("NET-SRV-01", "the challenge does not come to an end")


def personalise(site: Site, reader: Reader, tap: Tap, number: str) -> messages.CardStep:
    """Put a card's keys onto the blank of a tap; the finished step returns.

    Where it breaks off, the same call goes on with the same blank. Raises ReaderError NFC-RF-01 (the blank
    left) and NFC-CARD-01 (nothing that can be personalised), Refused, and what a call raises.
    """
    technology: Any = tap.technology
    if technology not in PERSONALISED:
        raise ReaderError("NFC-CARD-01", f"{tap.uid} is a {technology}, which takes no keys of ours")
    with reader.holding():
        step = site.begin_personalisation(
            messages.PersonaliseRequest(number=number, technology=technology, uid=tap.uid)
        )
        session = _session(step)
        for _ in range(STEPS_MAX):
            step = site.continue_personalisation(session, _carry(reader, step.commands))
            if step.card is not None:
                return step
    raise AnswerUnknown("NET-SRV-01", "the personalisation does not come to an end")


def _session(step: messages.CardStep) -> UUID:
    if step.session is None:
        raise AnswerUnknown("NET-SRV-01", "the site began a conversation without a name")
    return step.session


def _carry(reader: Reader, commands: Sequence[str]) -> list[str]:
    """Send commands to the card one after another, and give its answers."""
    return [reader.transceive(bytes.fromhex(command)).hex() for command in commands]
