"""The challenge: a card proves that it holds its own key, and the terminal that carried it gets a token.

Knows which credential is asked and with which key; must not know value, HTTP or how a reader speaks.
"""

from __future__ import annotations

import logging
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from django.db import transaction
from django.db.models import Min

from prepaid.cards import desfire, ev2, felica, keys, sessions
from prepaid.cards.errors import CardUnusable, ProofRefused
from prepaid.cards.models import Credential, Program, Proof
from prepaid.cards.presentation import read_sun
from prepaid.cards.sessions import State, Step
from prepaid.keys import site_keys

logger = logging.getLogger("prepaid.cards")

Technology = Literal["ntag424", "desfire", "felica_lite_s"]
TOKEN_GOOD_FOR = timedelta(seconds=60)
TOKEN_BYTES = 24
SELECT_APPLICATION = bytes.fromhex("00a4040c07d276000085010100")
_BROKEN = (ev2.AnswerForged, ev2.AnswerRefused)


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """Which card is to be asked: it said so, and has not proved it yet."""

    credential: Credential
    uid: bytes
    key_version: int
    counter: int = -1


def begin_challenge(
    *, terminal_id: UUID, technology: Technology, uid: bytes | None, uri: str | None, at: datetime
) -> Step:
    """Begin to ask a card for its proof; what its terminal is to send returns.

    A card is named by its SUN address, which one with a random UID needs, or by its UID.
    Raises ProofRefused for a forged address, CardUnusable where no card of ours is named so.
    """
    named = _name_ntag424(uid, uri) if technology == "ntag424" else _name_by_uid(uid)
    if named.key_version not in keys.keyring().list_versions():
        raise ProofRefused("The card holds keys of a version that was withdrawn. No money was moved.")
    state: State = {
        "credential": str(named.credential.id),
        "technology": technology,
        "uid": named.uid.hex(),
        "key_version": named.key_version,
        "counter": named.counter,
    }
    if technology == "felica_lite_s":
        challenge = secrets.token_bytes(felica.BLOCK_BYTES)
        state["random"] = challenge.hex()
        commands = (
            felica.write_block(named.uid, felica.RC, felica.reversed_halves(challenge)),
            felica.read_blocks(named.uid, felica.ID, felica.MAC),
        )
    elif technology == "desfire":
        commands = (desfire.SELECT, ev2.begin_authentication(desfire.KEY_NUMBER))
    else:
        commands = (SELECT_APPLICATION, ev2.begin_authentication(keys.CHALLENGE))
    state["awaited"] = len(commands)
    session = sessions.open_session("challenge", terminal_id=terminal_id, state=state, at=at)
    return Step(session=session, commands=commands)


def continue_challenge(session: UUID, *, terminal_id: UUID, responses: list[bytes], at: datetime) -> Step:
    """Take a card's answers: more commands, or the token, return.

    The token is good for one posting of this terminal, for 60 s. Raises SessionOver, and ProofRefused for an
    answer that the card's own key did not make; the session is over then. Locks the session's row.
    """
    refused: ev2.AnswerForged | ev2.AnswerRefused | None = None
    with transaction.atomic():
        state = sessions.take_session(
            session, "challenge", terminal_id=terminal_id, answers=len(responses), at=at
        )
        try:
            step = _continue(session, state, responses)
        except _BROKEN as error:
            refused = error
        if refused is not None or not step.commands:
            sessions.end_session(session)
        if refused is None and not step.commands:
            return _give_token(session, state, terminal_id=terminal_id, at=at)
    if refused is not None:
        logger.warning("challenge_refused", extra={"terminal": str(terminal_id), "cause": refused.code})
        raise _refusal(refused, state) from refused
    return step


def _refusal(refused: ev2.AnswerForged | ev2.AnswerRefused, state: State) -> ProofRefused:
    """Say what a refused answer proves: 91AE and a wrong random number, that the card holds another key.

    An honest FeliCa card that lost its field between two commands answers as one with another key does.
    """
    is_last = "random" in state
    is_key_wrong = isinstance(refused, ev2.KeyWrong) or (
        is_last and isinstance(refused, ev2.AnswerRefused) and refused.status == ev2.WRONG_KEY
    )
    return ProofRefused(
        "The card did not prove to be the one that it says. No money was moved.",
        credential_id=UUID(state["credential"]) if is_key_wrong else None,
        is_copied=state["technology"] != "felica_lite_s",
    )


def _continue(session: UUID, state: State, responses: list[bytes]) -> Step:
    """Check the answers of one step; a step without commands ends the challenge."""
    uid, version = bytes.fromhex(state["uid"]), state["key_version"]
    if state["technology"] == "felica_lite_s":
        felica.expect_written(responses[0], uid)
        blocks = felica.blocks_of(responses[1], uid, count=2)
        card_key, challenge = keys.felica_key(uid, version), bytes.fromhex(state["random"])
        felica.check_mac(blocks[0], blocks[1], card_key=card_key, challenge=challenge)
        return Step(session=session)
    is_desfire = state["technology"] == "desfire"
    key = keys.desfire_key(uid, version) if is_desfire else keys.card_key(uid, keys.CHALLENGE, version)
    if "random" not in state:
        if responses[0][-2:] != (ev2.OK if is_desfire else b"\x90\x00"):
            raise ev2.AnswerRefused(responses[0][-2:])
        random_a, random_b = secrets.token_bytes(ev2.RANDOM_BYTES), ev2.read_challenge(key, responses[1])
        command = ev2.continue_authentication(key, random_a=random_a, random_b=random_b)
        sessions.keep_session(session, state | {"random": random_a.hex(), "awaited": 1})
        return Step(session=session, commands=(command,))
    # The card's random number matters to session keys alone, and no command follows.
    random_a = bytes.fromhex(state["random"])
    ev2.finish_authentication(key, responses[0], random_a=random_a, random_b=bytes(ev2.RANDOM_BYTES))
    return Step(session=session)


def _give_token(session: UUID, state: State, *, terminal_id: UUID, at: datetime) -> Step:
    token = secrets.token_urlsafe(TOKEN_BYTES)
    Proof.objects.create(
        lookup=site_keys().token_lookup(token),
        terminal_id=terminal_id,
        credential_id=UUID(state["credential"]),
        counter=state["counter"],
        expires_at=at + TOKEN_GOOD_FOR,
    )
    return Step(session=session, token=token)


def _name_ntag424(uid: bytes | None, uri: str | None) -> Named:
    if uri is None:
        credential = _find("sun", site_keys().sun_lookup(uid or b""))
        return Named(credential=credential, uid=uid or b"", key_version=credential.key_version)
    found = read_sun(uri)
    if found is None:
        raise ProofRefused("The card's message was not made with its key. No money was moved.")
    identity, version = found
    credential = _find("sun", site_keys().sun_lookup(identity.uid))
    return Named(credential=credential, uid=identity.uid, key_version=version, counter=identity.counter)


def _name_by_uid(uid: bytes | None) -> Named:
    credential = _find("challenge", site_keys().challenge_lookup(uid or b""))
    return Named(credential=credential, uid=uid or b"", key_version=credential.key_version)


def _find(method: str, lookup: bytes) -> Credential:
    found = Credential.objects.filter(method=method, lookup=lookup).first()
    if found is None:
        raise CardUnusable("card_unknown")
    return found


def find_challenge_floor(currency: str) -> int | None:
    """Give the lowest amount above which a program of this currency asks for a challenge; None: none does.

    Minor units. A terminal does not know a card's program, and asks a card in vain rather than too late.
    """
    lowest: int | None = Program.objects.filter(currency=currency).aggregate(lowest=Min("challenge_above"))[
        "lowest"
    ]
    return lowest
