"""NXP NTAG215: a memory tag that anybody can read and copy, with one address in it.

Knows the commands that readers identify and read it by; must not know frames before activation.
"""

from __future__ import annotations

import functools
import operator

from terminals.simulator.ndef import uri_message
from terminals.simulator.type_a import CASCADE_TAG, TypeACard

PAGES = 135
USER_BYTES = 504
VERSION = bytes.fromhex("0004040201001103")
CAPABILITIES = bytes.fromhex("e1103e00")
SIGNATURE = bytes(32)
REFUSED = b"\x00"
NDEF_TLV, TERMINATOR_TLV = 0x03, 0xFE

GET_VERSION, READ, FAST_READ, READ_SIGNATURE = 0x60, 0x30, 0x3A, 0x3C


class Ntag215(TypeACard):
    """A tag with one URI record; nothing can be written to it here."""

    technology = "ntag215"
    sens_res = b"\x44\x00"
    sel_res = 0x00

    def __init__(self, *, number: int, label: str, uid: bytes, uri: str = "") -> None:
        self._memory = _memory(uid, uri)
        super().__init__(number=number, label=label, uid=uid)

    def answer_active(self, frame: bytes) -> bytes | None:
        if frame == bytes([GET_VERSION]):
            return VERSION
        if frame == bytes([READ_SIGNATURE, 0]):
            return SIGNATURE
        if len(frame) == 2 and frame[0] == READ and frame[1] < PAGES:
            return (self._memory * 2)[frame[1] * 4 : frame[1] * 4 + 16]
        if len(frame) == 3 and frame[0] == FAST_READ and frame[1] <= frame[2] < PAGES:
            return self._memory[frame[1] * 4 : frame[2] * 4 + 4]
        # A refusal sends the tag to sleep.
        self._state = "idle"
        return REFUSED


def _memory(uid: bytes, uri: str) -> bytes:
    message = uri_message(uri) if uri else b""
    user = bytes([NDEF_TLV, len(message)]) + message + bytes([TERMINATOR_TLV])
    serial = uid[:3] + _check(bytes([CASCADE_TAG]) + uid[:3]) + uid[3:] + _check(uid[3:]) + b"\x48\0\0"
    return (serial + CAPABILITIES + user.ljust(USER_BYTES, b"\0")).ljust(PAGES * 4, b"\0")


def _check(part: bytes) -> bytes:
    return bytes([functools.reduce(operator.xor, part)])
