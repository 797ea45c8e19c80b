"""The card's side of ISO/IEC 14443-3 type A: answer to request, anticollision in cascades, select, halt.

Knows the states of activation; must not know what an activated card is asked.
"""

from __future__ import annotations

import functools
import operator
import secrets
from typing import Literal

CASCADE_TAG = 0x88
SELECT_CODES = (0x93, 0x95, 0x97)
IS_INCOMPLETE = 0x04
RANDOM_UID_MARK = 0x08

State = Literal["idle", "ready", "active", "halted"]


class TypeACard:
    """A type A card in a field; frames come without checksums. Kinds of cards say what an active one answers.

    `sens_res` is as on the air, lowest byte first; `sel_res` the SAK of the complete UID.
    """

    letter = "A"
    technology: str
    sens_res: bytes
    sel_res: int

    def __init__(self, *, number: int, label: str, uid: bytes, has_random_uid: bool = False) -> None:
        self.number = number
        self.label = label
        self.uid = uid
        self._has_random_uid = has_random_uid
        self.power_off()

    def power_off(self) -> None:
        """Forget everything that lives by the field's power."""
        self._state: State = "idle"
        self._level = 0
        shown = bytes([RANDOM_UID_MARK]) + secrets.token_bytes(3) if self._has_random_uid else self.uid
        self._cascade = _cascade(shown)
        self._is_short = len(shown) == 4
        self.deactivate()

    def answer(self, bitrate: str, frame: bytes) -> bytes | None:
        """Answer one frame; None where the card stays silent."""
        if bitrate != "106A" or not frame:
            return None
        if frame == b"\x26" or frame == b"\x52":
            return self._wake(frame)
        if self._state == "ready":
            return self._select(frame)
        if self._state != "active":
            return None
        if frame == b"\x50\x00":
            self.halt()
            return None
        return self.answer_active(frame)

    def halt(self) -> None:
        """Be silent until woken by WUPA or a new field."""
        self._state = "halted"
        self.deactivate()

    def deactivate(self) -> None:
        """Forget the activation; kinds of cards add what they keep."""

    def answer_active(self, frame: bytes) -> bytes | None:
        """Answer a frame that came after activation."""
        raise NotImplementedError

    def _wake(self, frame: bytes) -> bytes | None:
        is_asleep = self._state == "idle" or (self._state == "halted" and frame == b"\x52")
        if not is_asleep:
            # A request in the middle of an exchange is an error, and sends an active card to sleep.
            if self._state != "halted":
                self._state = "idle"
                self.deactivate()
            return None
        self._state, self._level = "ready", 0
        return bytes([self.sens_res[0] & 0x3F, self.sens_res[1]]) if self._is_short else self.sens_res

    def _select(self, frame: bytes) -> bytes | None:
        part = self._cascade[self._level]
        code = SELECT_CODES[self._level]
        if frame == bytes([code, 0x20]):
            return part
        if frame != bytes([code, 0x70]) + part:
            return None
        self._level += 1
        if self._level < len(self._cascade):
            return bytes([self.sel_res | IS_INCOMPLETE])
        self._state = "active"
        return bytes([self.sel_res])


def _cascade(uid: bytes) -> list[bytes]:
    """Cut a UID of 4, 7 or 10 bytes into its cascades of four bytes and their check byte."""
    parts = []
    while len(uid) > 4:
        parts.append(bytes([CASCADE_TAG]) + uid[:3])
        uid = uid[3:]
    parts.append(uid)
    return [part + bytes([functools.reduce(operator.xor, part)]) for part in parts]
