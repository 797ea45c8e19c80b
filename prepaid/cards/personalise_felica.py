"""A FeliCa Lite-S gets its card key: the key's version, the key, a proof of both, and the lock last.

Knows the order of blocks; must not know cards or rows. A torn conversation begins anew: until it is locked
the chip takes its key again, and once it is locked it proves that it holds it.
"""

from __future__ import annotations

import secrets

from prepaid.cards import felica, keys
from prepaid.cards.chips import Blank, Chip, Turn
from prepaid.cards.errors import ForeignCard
from prepaid.cards.sessions import State


def begin(blank: Blank, uid: bytes) -> Turn:
    """Look whether the chip is open."""
    if len(uid) != felica.IDM_BYTES:
        raise ForeignCard("A FeliCa card has an identity of 8 bytes.")
    return Turn(
        commands=(felica.read_blocks(uid, felica.MC, felica.CKV),),
        state={"step": "looked", "idm": uid.hex()},
        uid=uid,
    )


def go_on(blank: Blank, state: State, responses: list[bytes]) -> Turn:
    """Take the chip's answers. Raises AnswerRefused, AnswerForged, ForeignCard."""
    idm = bytes.fromhex(state["idm"])
    match state["step"]:
        case "looked":
            return _looked(blank, idm, responses)
        case "keyed":
            for response in responses[:-1]:
                felica.expect_written(response, idm)
            _check(blank, idm, state, responses[-1])
            return _lock(idm, bytes.fromhex(state["memory"]))
        case "proved":
            felica.expect_written(responses[0], idm)
            _check(blank, idm, state, responses[1])
            return Turn(chip=Chip(uid=idm))
        case _:
            return _locked(idm, responses)


def _looked(blank: Blank, idm: bytes, responses: list[bytes]) -> Turn:
    memory, key_version = felica.blocks_of(responses[0], idm, count=2)
    if memory[felica.SYSTEM_BLOCKS_BYTE] != felica.IS_OPEN:
        if _version_of(key_version) != blank.version:
            raise ForeignCard("The chip is locked under a key of another issue. Nothing was changed.")
        return _prove(idm, state={"step": "proved"})
    version = blank.version.to_bytes(2, "little").ljust(felica.BLOCK_BYTES, b"\0")
    key = keys.felica_key(idm, blank.version)
    return _prove(
        idm,
        felica.write_block(idm, felica.CKV, version),
        felica.write_block(idm, felica.CK, felica.reversed_halves(key)),
        state={"step": "keyed", "memory": memory.hex()},
        changes_keys=True,
    )


def _prove(idm: bytes, *before: bytes, state: State, changes_keys: bool = False) -> Turn:
    """Have the chip read its key's version back under the key itself."""
    challenge = secrets.token_bytes(felica.BLOCK_BYTES)
    return Turn(
        commands=(
            *before,
            felica.write_block(idm, felica.RC, felica.reversed_halves(challenge)),
            felica.read_blocks(idm, felica.CKV, felica.MAC),
        ),
        state=state | {"idm": idm.hex(), "random": challenge.hex()},
        changes_keys=changes_keys,
    )


def _check(blank: Blank, idm: bytes, state: State, response: bytes) -> None:
    key_version, mac = felica.blocks_of(response, idm, count=2)
    card_key = keys.felica_key(idm, blank.version)
    felica.check_mac(key_version, mac, card_key=card_key, challenge=bytes.fromhex(state["random"]))
    if _version_of(key_version) != blank.version:
        raise ForeignCard("The chip holds another version of its key than was written.")


def _lock(idm: bytes, memory: bytes) -> Turn:
    """Close the system blocks, the key's among them, but for a change that is proved by the key's own MAC."""
    closed = bytearray(memory)
    closed[felica.SYSTEM_BLOCKS_BYTE], closed[felica.KEY_CHANGE_BYTE] = felica.IS_LOCKED, 1
    return Turn(
        commands=(felica.write_block(idm, felica.MC, bytes(closed)), felica.read_blocks(idm, felica.MC)),
        state={"step": "locked", "idm": idm.hex()},
    )


def _locked(idm: bytes, responses: list[bytes]) -> Turn:
    felica.expect_written(responses[0], idm)
    (memory,) = felica.blocks_of(responses[1], idm, count=1)
    if memory[felica.SYSTEM_BLOCKS_BYTE] != felica.IS_LOCKED:
        raise ForeignCard("The chip did not lock its key.")
    return Turn(chip=Chip(uid=idm))


def _version_of(block: bytes) -> int:
    return int.from_bytes(block[:2], "little")
