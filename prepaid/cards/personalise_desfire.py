"""A DESFire EV2 or EV3 gets an application of ours and its key, which is the commit.

Knows the order of commands; must not know cards or rows. A torn conversation begins anew: the application is
there or not, and its key is the factory's or ours.
"""

from __future__ import annotations

import secrets

from prepaid.cards import desfire, ev2, keys
from prepaid.cards.chips import Blank, Chip, Turn
from prepaid.cards.errors import ForeignCard
from prepaid.cards.sessions import State


def begin(blank: Blank, uid: bytes) -> Turn:
    """Ask the card who it is."""
    return Turn(commands=desfire.IDENTIFY, state={"step": "looked"})


def go_on(blank: Blank, state: State, responses: list[bytes]) -> Turn:
    """Take the card's answers. Raises AnswerRefused, AnswerForged, ForeignCard."""
    match state["step"]:
        case "looked":
            return _looked(blank, responses)
        case "opened":
            return _opened(state, responses)
        case "answered":
            return _answered(blank, state, responses)
        case "counted":
            return _counted(blank, state, responses)
        case _:
            # The session went with its key, so this answer carries no MAC.
            ev2.expect(responses[0], ev2.OK)
            return _open(state["uid"], [blank.version])


def _looked(blank: Blank, responses: list[bytes]) -> Turn:
    uid = desfire.uid_of(responses)
    if uid is None:
        raise ForeignCard("A DESFire needs to be an EV2 or EV3 that tells its UID. Nothing was changed.")
    others = [version for version in keys.keyring().list_versions() if version != blank.version]
    is_retry = blank.is_changing and uid == blank.uid
    likeliest = [blank.version, keys.FACTORY_VERSION] if is_retry else [keys.FACTORY_VERSION, blank.version]
    return _open(uid.hex(), [*likeliest, *others], before=(desfire.CREATE,), uid_learnt=uid)


def _open(
    uid: str, versions: list[int], *, before: tuple[bytes, ...] = (), uid_learnt: bytes | None = None
) -> Turn:
    """Begin an authentication; `versions` are those that the key may be of, the likeliest first."""
    return Turn(
        commands=(*before, desfire.SELECT, ev2.begin_authentication(desfire.KEY_NUMBER)),
        state={"step": "opened", "versions": versions, "uid": uid},
        uid=uid_learnt,
    )


def _opened(state: State, responses: list[bytes]) -> Turn:
    for response in responses[:-2]:
        desfire.expect_application(response)
    ev2.expect(responses[-2], ev2.OK)
    key = _key(state, state["versions"][0])
    random_a, random_b = secrets.token_bytes(ev2.RANDOM_BYTES), ev2.read_challenge(key, responses[-1])
    command = ev2.continue_authentication(key, random_a=random_a, random_b=random_b)
    exchanged = {"random_a": random_a.hex(), "random_b": random_b.hex()}
    return Turn(commands=(command,), state=state | exchanged | {"step": "answered"})


def _answered(blank: Blank, state: State, responses: list[bytes]) -> Turn:
    if responses[0][-2:] == ev2.WRONG_KEY:
        if not state["versions"][1:]:
            raise ForeignCard("The application holds a key that is not ours. Nothing was changed in it.")
        return _open(state["uid"], state["versions"][1:])
    random_a, random_b = _exchanged(state)
    messaging = ev2.finish_authentication(
        _key(state, state["versions"][0]), responses[0], random_a=random_a, random_b=random_b
    )
    return Turn(
        commands=(messaging.mac_command(ev2.GET_KEY_VERSION, bytes([desfire.KEY_NUMBER])),),
        state=state | {"step": "counted", "transaction": messaging.transaction.hex()},
    )


def _counted(blank: Blank, state: State, responses: list[bytes]) -> Turn:
    held = state["versions"][0]
    random_a, random_b = _exchanged(state)
    messaging = ev2.session_of(
        _key(state, held),
        random_a=random_a,
        random_b=random_b,
        transaction=bytes.fromhex(state["transaction"]),
    )
    version = int.from_bytes(messaging.read_mac_response(responses[0]))
    if (held, version) == (blank.version, blank.version):
        return Turn(chip=Chip(uid=bytes.fromhex(state["uid"])))
    new = _key(state, blank.version)
    command = messaging.after().change_key(desfire.KEY_NUMBER, new=new, version=blank.version)
    return Turn(commands=(command,), state={"step": "committed", "uid": state["uid"]}, changes_keys=True)


def _key(state: State, version: int) -> bytes:
    return keys.desfire_key(bytes.fromhex(state["uid"]), version)


def _exchanged(state: State) -> tuple[bytes, bytes]:
    return bytes.fromhex(state["random_a"]), bytes.fromhex(state["random_b"])
