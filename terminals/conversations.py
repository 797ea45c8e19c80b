"""Conversations between the site and the card on the reader: the agent carries what each says to the other.

Knows when a card has to prove itself; must not know a key, nor what a command means.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from uuid import UUID

from terminals import card_steps, messages
from terminals.errors import AnswerUnknown, NothingSent, Refused
from terminals.readers import Reader, ReaderError, Tap
from terminals.site import Site

# A conversation that does not come to an end is the site's fault.
STEPS_MAX = 32
# What the site calls the kinds of cards that hold keys of ours, by what the reader calls them.
TECHNOLOGIES: dict[str, card_steps.Technology] = {
    "ntag424": "ntag424",
    "desfire_ev2": "desfire",
    "desfire_ev3": "desfire",
    "felica_lite_s": "felica_lite_s",
}

# What an inquiry says of a chip that has no card, or not all of its keys.
_UNKNOWN_CHIP = frozenset({"card_unknown", "credential_refused", "NFC-CARD-02"})
# What it then says of the chip where no card awaits one; a site of an earlier version finds it malformed.
_NOT_AWAITED = frozenset({"not_found", "rate_limited", "malformed"})


def card_to_present(
    site: Site, reader: Reader, tap: Tap, *, amount_minor: int | None, floor_minor: int | None
) -> messages.Card:
    """Give what the site is told of a tapped card: above the floor, the token of a challenge.

    FeliCa and DESFire have no other proof and are always challenged; one that the site knows by its UID
    alone is told by that. Raises ReaderError NFC-RF-01 (the card left), Refused NFC-CARD-02, and what a call
    raises.
    """
    if TECHNOLOGIES.get(tap.technology, "ntag424") != "ntag424":
        try:
            return _proved(site, reader, tap)
        except Refused as refusal:
            if refusal.code != "card_unknown":
                raise
            return tap.card
    is_above = floor_minor is not None and amount_minor is not None and amount_minor > floor_minor
    return _proved(site, reader, tap) if is_above and isinstance(tap.card, messages.SunCard) else tap.card


def _proved(site: Site, reader: Reader, tap: Tap) -> messages.Card:
    """Have a card prove itself; where the site is not reached, stand-in decides about what the tap showed."""
    try:
        return prove(site, reader, tap)
    except NothingSent:
        return tap.card


def prove(site: Site, reader: Reader, tap: Tap) -> messages.TokenCard:
    """Have the card of a tap prove itself while it lies there; the token to pay with returns."""
    technology = TECHNOLOGIES[tap.technology]
    # By its message where it has one, for a random UID names nobody.
    uid = tap.uid if tap.uri is None else None
    request = card_steps.ChallengeRequest(technology=technology, uid=uid, uri=tap.uri)
    with reader.holding():
        step = site.begin_challenge(request)
        session = _session(step)
        for _ in range(STEPS_MAX):
            responses = _carry(reader, step.commands)
            with _in_time():
                step = site.continue_challenge(session, responses)
            if step.token is not None:
                return messages.TokenCard(token=step.token, entry="tap")
    raise AnswerUnknown("NET-SRV-01", "the challenge does not come to an end")


def personalise(site: Site, reader: Reader, tap: Tap, number: str | None) -> card_steps.CardStep:
    """Put a card's keys onto the blank of a tap; the finished step returns.

    Without a number it is the card that the counter awaits a blank for; Refused `not_found` where none does.
    Where it breaks off, the same call goes on with the same blank. Raises ReaderError NFC-RF-01 (the blank
    left) and NFC-CARD-01 (nothing that can be personalised), Refused, and what a call raises.
    """
    technology = TECHNOLOGIES.get(tap.technology)
    if technology is None:
        raise ReaderError("NFC-CARD-01", f"{tap.uid} is a {tap.technology}, which takes no keys of ours")
    with reader.holding():
        step = site.begin_personalisation(
            card_steps.PersonaliseRequest(number=number, technology=technology, uid=tap.uid)
        )
        session = _session(step)
        for _ in range(STEPS_MAX):
            responses = _carry(reader, step.commands)
            with _in_time():
                step = site.continue_personalisation(session, responses)
            if step.card is not None:
                return step
    raise AnswerUnknown("NET-SRV-01", "the personalisation does not come to an end")


def meet(site: Site, reader: Reader, tap: Tap) -> messages.Inquiry | card_steps.CardStep:
    """Ask for the balance of a tapped card; a blank that the counter awaits is personalised instead.

    The finished step returns of such a one. A chip whose keys were torn half way is refused as a blank is.
    Raises what `card_to_present` and, of a blank that is awaited, what `personalise` raises.
    """
    try:
        return site.inquire(card_to_present(site, reader, tap, amount_minor=None, floor_minor=None))
    except Refused as refusal:
        if tap.technology not in TECHNOLOGIES or refusal.code not in _UNKNOWN_CHIP:
            raise
        try:
            return personalise(site, reader, tap, None)
        except Refused as unwanted:
            raise refusal if unwanted.code in _NOT_AWAITED else unwanted from None


@contextmanager
def _in_time() -> Iterator[None]:
    """Take a conversation that the site forgot for one that took too long: the card is tapped again."""
    try:
        yield
    except Refused as refusal:
        if refusal.code != "not_found":
            raise
        raise ReaderError("NFC-RF-01", "the conversation with the card took too long") from refusal


def _session(step: card_steps.CardStep) -> UUID:
    if step.session is None:
        raise AnswerUnknown("NET-SRV-01", "the site began a conversation without a name")
    return step.session


def _carry(reader: Reader, commands: Sequence[str]) -> list[str]:
    """Send commands to the card one after another, and give its answers."""
    return [reader.transceive(bytes.fromhex(command)).hex() for command in commands]
