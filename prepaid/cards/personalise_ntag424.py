"""An NTAG 424 DNA gets a card's five keys: file, settings, keys 1 to 4, and key 0 last, which is the commit.

Knows the order of commands; must not know cards or rows. A torn conversation begins anew: key 0 tells
whether the commit was reached, GetKeyVersion which of the others are done, and the rights of the file whether
it is written.
"""

from __future__ import annotations

import secrets

from prepaid.cards import ev2, keys
from prepaid.cards.challenge import SELECT_APPLICATION
from prepaid.cards.chips import Blank, Chip, Turn
from prepaid.cards.errors import ForeignCard
from prepaid.cards.presentation import read_sun
from prepaid.cards.sessions import State
from prepaid.cards.template import FILE_NUMBER, address_of, is_written_by_anybody

SELECT_FILE = bytes.fromhex("00a4000c02e104")
GET_VERSION, GET_FILE_SETTINGS = 0x60, 0xF5
ISO_OK = b"\x90\x00"
UID_BYTES = 7
_OTHERS = (keys.FILE, keys.META, keys.CHALLENGE, keys.SPARE)
_ALL = (keys.MASTER, *_OTHERS)


def begin(blank: Blank, uid: bytes) -> Turn:
    """Ask the chip who it is and whether its file may be written. Its own answer counts, not the reader's."""
    return Turn(
        commands=(
            SELECT_APPLICATION,
            ev2.apdu(GET_VERSION),
            ev2.apdu(ev2.CONTINUE),
            ev2.apdu(ev2.CONTINUE),
            ev2.apdu(GET_FILE_SETTINGS, bytes([FILE_NUMBER])),
        ),
        state={"step": "looked"},
    )


def go_on(blank: Blank, state: State, responses: list[bytes]) -> Turn:
    """Take the chip's answers. Raises AnswerRefused, AnswerForged, ForeignCard."""
    match state["step"]:
        case "looked":
            return _looked(blank, responses)
        case "opened":
            return _opened(blank, state, responses)
        case "answered":
            return _answered(blank, state, responses)
        case "named":
            messaging = _messaging(blank, state)
            uid = messaging.read_full_response(responses[0])
            if len(uid) != UID_BYTES:
                raise ev2.AnswerForged("The chip's identity is not of 7 bytes.")
            return _count(messaging.after(), state | {"uid": uid.hex()}, uid=uid)
        case "counted":
            return _counted(blank, state, responses)
        case "changed":
            return _changed(blank, state, responses)
        case "committed":
            # The session went with its key, so this answer carries no MAC.
            if responses[0][-2:] != ev2.OK:
                raise ev2.AnswerRefused(responses[0][-2:])
            return _open(state["uid"], [blank.version])
        case _:
            return _read(blank, state, responses)


def _looked(blank: Blank, responses: list[bytes]) -> Turn:
    _expect_iso(responses[0])
    ev2.expect(responses[1], ev2.MORE)
    ev2.expect(responses[2], ev2.MORE)
    told = ev2.expect(responses[3], ev2.OK)[:UID_BYTES]
    # With a random UID the chip tells its own only once we are authenticated.
    uid = told if any(told) else None
    known = uid or blank.uid
    is_retry = blank.is_changing and uid in (None, blank.uid)
    versions = [keys.FACTORY_VERSION]
    if known is not None:
        others = [version for version in keys.keyring().list_versions() if version != blank.version]
        ours = [blank.version, *others]
        versions = [blank.version, keys.FACTORY_VERSION, *others] if is_retry else [*versions, *ours]
    # A chip that does not tell was written before its keys were begun.
    is_open = is_written_by_anybody(responses[4][:-2]) if responses[4][-2:] == ev2.OK else not is_retry
    writes = (SELECT_FILE, *blank.template.writes) if is_open else ()
    return _open(
        known.hex() if known else "", versions, before=writes, uid_learnt=uid, is_named=uid is not None
    )


def _open(
    uid: str,
    versions: list[int],
    *,
    before: tuple[bytes, ...] = (),
    uid_learnt: bytes | None = None,
    is_named: bool = True,
) -> Turn:
    """Begin an authentication with key 0; `versions` are those that it may be of, the likeliest first."""
    return Turn(
        commands=(*before, SELECT_APPLICATION, ev2.begin_authentication(keys.MASTER)),
        state={"step": "opened", "versions": versions, "uid": uid, "is_named": is_named},
        uid=uid_learnt,
    )


def _opened(blank: Blank, state: State, responses: list[bytes]) -> Turn:
    for response in responses[:-1]:
        _expect_iso(response)
    key = _master(blank, state)
    random_a, random_b = secrets.token_bytes(ev2.RANDOM_BYTES), ev2.read_challenge(key, responses[-1])
    command = ev2.continue_authentication(key, random_a=random_a, random_b=random_b)
    exchanged = {"random_a": random_a.hex(), "random_b": random_b.hex()}
    return Turn(commands=(command,), state=state | exchanged | {"step": "answered"})


def _answered(blank: Blank, state: State, responses: list[bytes]) -> Turn:
    if responses[0][-2:] == ev2.WRONG_KEY:
        left = state["versions"][1:]
        if not left:
            raise ForeignCard("The chip holds keys that are not ours. Nothing was changed on it.")
        return _open(state["uid"], left, is_named=state["is_named"])
    messaging = ev2.finish_authentication(
        _master(blank, state),
        responses[0],
        random_a=bytes.fromhex(state["random_a"]),
        random_b=bytes.fromhex(state["random_b"]),
    )
    state = state | {"transaction": messaging.transaction.hex(), "counter": 0}
    if state["is_named"]:
        return _count(messaging, state)
    return Turn(commands=(messaging.mac_command(ev2.GET_CARD_UID),), state=state | {"step": "named"})


def _count(messaging: ev2.SecureMessaging, state: State, *, uid: bytes | None = None) -> Turn:
    """Ask for the versions of all keys."""
    commands = _ask_versions(messaging)
    return Turn(commands=commands, state=state | {"step": "counted", "counter": messaging.counter}, uid=uid)


def _counted(blank: Blank, state: State, responses: list[bytes]) -> Turn:
    messaging, versions = _read_versions(_messaging(blank, state), responses)
    if all(version == blank.version for version in versions.values()):
        return _show(blank, state)
    known = (keys.FACTORY_VERSION, *keys.keyring().list_versions())
    if any(version not in known for version in versions.values()):
        raise ForeignCard("The chip holds keys of a version that is not ours. Nothing was changed on it.")
    return _change(blank, state | {"counter": messaging.counter}, versions)


def _change(blank: Blank, state: State, versions: dict[int, int]) -> Turn:
    """Set the file's settings and keys 1 to 4, and read the keys' versions back."""
    uid, messaging = bytes.fromhex(state["uid"]), _messaging(blank, state)
    settings = blank.template.settings
    commands = [messaging.full_command(ev2.CHANGE_FILE_SETTINGS, bytes([FILE_NUMBER]), settings)]
    for number in _OTHERS:
        if versions[number] != blank.version:
            messaging = messaging.after()
            new, old = (keys.card_key(uid, number, of) for of in (blank.version, versions[number]))
            commands.append(messaging.change_key(number, new=new, version=blank.version, old=old))
    commands += _ask_versions(messaging.after())
    return Turn(commands=tuple(commands), state=state | {"step": "changed"}, changes_keys=True)


def _changed(blank: Blank, state: State, responses: list[bytes]) -> Turn:
    messaging = _messaging(blank, state)
    for response in responses[: -len(_ALL)]:
        messaging.read_mac_response(response)
        messaging = messaging.after()
    messaging, versions = _read_versions(messaging, responses[-len(_ALL) :])
    if any(versions[number] != blank.version for number in _OTHERS):
        raise ForeignCard("The chip holds other versions of its keys than were written.")
    if versions[keys.MASTER] == blank.version:
        return _show(blank, state)
    new = keys.card_key(bytes.fromhex(state["uid"]), keys.MASTER, blank.version)
    command = messaging.change_key(keys.MASTER, new=new, version=blank.version)
    return Turn(commands=(command,), state=state | {"step": "committed"}, changes_keys=True)


def _show(blank: Blank, state: State) -> Turn:
    """Have the chip show its message, as any reader will see it."""
    read = bytes.fromhex("00b00000") + bytes([len(blank.template.content)])
    return Turn(
        commands=(SELECT_APPLICATION, SELECT_FILE, read), state={"step": "shown", "uid": state["uid"]}
    )


def _read(blank: Blank, state: State, responses: list[bytes]) -> Turn:
    for response in responses:
        _expect_iso(response)
    found = read_sun(address_of(responses[-1][:-2]))
    if found is None or found[0].uid.hex() != state["uid"] or found[1] != blank.version:
        raise ForeignCard("The chip took its keys and does not show its message.")
    return Turn(chip=Chip(uid=found[0].uid, counter=found[0].counter))


def _ask_versions(messaging: ev2.SecureMessaging) -> tuple[bytes, ...]:
    commands = []
    for number in _ALL:
        commands.append(messaging.mac_command(ev2.GET_KEY_VERSION, bytes([number])))
        messaging = messaging.after()
    return tuple(commands)


def _read_versions(
    messaging: ev2.SecureMessaging, responses: list[bytes]
) -> tuple[ev2.SecureMessaging, dict[int, int]]:
    versions = {}
    for number, response in zip(_ALL, responses, strict=True):
        versions[number] = int.from_bytes(messaging.read_mac_response(response))
        messaging = messaging.after()
    return messaging, versions


def _master(blank: Blank, state: State) -> bytes:
    return keys.card_key(bytes.fromhex(state["uid"]), keys.MASTER, state["versions"][0])


def _messaging(blank: Blank, state: State) -> ev2.SecureMessaging:
    return ev2.session_of(
        _master(blank, state),
        random_a=bytes.fromhex(state["random_a"]),
        random_b=bytes.fromhex(state["random_b"]),
        transaction=bytes.fromhex(state["transaction"]),
        counter=state["counter"],
    )


def _expect_iso(response: bytes) -> None:
    if response[-2:] != ISO_OK:
        raise ev2.AnswerRefused(response[-2:])
