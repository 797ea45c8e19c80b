"""MIFARE DESFire EV2 as far as a card of ours is one: applications with AES keys, and EV2 authentication.

Knows the wrapped commands of MF3D(H)x2; must not know frames. It has no files: ours have none either.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

from terminals.simulator.iso_dep import IsoDep
from terminals.simulator.ntag424 import (
    AUTHENTICATION_ERROR,
    FILE_NOT_FOUND,
    ILLEGAL_COMMAND,
    INTEGRITY_ERROR,
    LENGTH_ERROR,
    MORE_FOLLOWS,
    NATIVE_OK,
    NO_SUCH_KEY,
    PARAMETER_ERROR,
    WRONG_LENGTH,
    parse,
)
from terminals.simulator.secure_messaging import (
    BLOCK,
    ZEROS,
    Challenge,
    Session,
    WrongMac,
    answer_challenge,
    encrypt,
)
from terminals.simulator.type_a import TypeACard

ATS = bytes.fromhex("0675779102 80")
HARDWARE_VERSION = bytes.fromhex("04010112001605")
SOFTWARE_VERSION = bytes.fromhex("04010102011605")
PRODUCTION = bytes.fromhex("CF123456781224")
CARD_ITSELF = bytes(3)
DUPLICATE = b"\x91\xde"
NO_SUCH_APPLICATION = b"\x91\xa0"
IS_AES = 0x80


class Desfire(TypeACard):
    """A card with applications of one AES key each: key and version by application, zeros on a new one.

    `keep` is called after each lasting change, before it is answered.
    """

    technology = "desfire"
    sens_res = b"\x44\x03"
    sel_res = 0x20

    def __init__(
        self,
        *,
        number: int,
        label: str,
        uid: bytes,
        has_random_uid: bool = False,
        keep: Callable[[Desfire], object] = id,
    ) -> None:
        self.applications: dict[bytes, tuple[bytes, int]] = {}
        self._keep = keep
        self._commands: dict[int, Callable[[bytes], bytes]] = {
            0x5A: self._select_application,
            0xCA: self._create,
            0x60: self._get_version,
            0xAF: self._go_on,
            0x71: self._authenticate,
            0x64: self._get_key_version,
            0xC4: self._change_key,
        }
        super().__init__(number=number, label=label, uid=uid, has_random_uid=has_random_uid)

    def deactivate(self) -> None:
        self._iso_dep = IsoDep(ATS, self.answer_command)
        self._selected = CARD_ITSELF
        self._frames: list[bytes] = []
        self._challenge: Challenge | None = None
        self._session: Session | None = None

    def answer_active(self, frame: bytes) -> bytes | None:
        answer = self._iso_dep.answer(frame)
        if self._iso_dep.is_deselected:
            self.halt()
        return answer

    def answer_command(self, command: bytes) -> bytes:
        """Answer one APDU, status word included."""
        if command[:1] != b"\x90":
            # It has no file that ISO commands reach.
            return FILE_NOT_FOUND
        apdu = parse(command)
        if apdu is None:
            return WRONG_LENGTH
        obey = self._commands.get(apdu.instruction)
        if apdu.instruction != 0xAF:
            self._frames, self._challenge = [], None
        try:
            answer = ILLEGAL_COMMAND if obey is None else obey(apdu.content)
        except WrongMac:
            answer = INTEGRITY_ERROR
        if answer[-2:] not in {NATIVE_OK, MORE_FOLLOWS}:
            self._session = None
        return answer

    def _select_application(self, content: bytes) -> bytes:
        self._session = None
        if content != CARD_ITSELF and content not in self.applications:
            return NO_SUCH_APPLICATION
        self._selected = content
        return NATIVE_OK

    def _create(self, content: bytes) -> bytes:
        if len(content) != 5 or self._selected != CARD_ITSELF:
            return LENGTH_ERROR
        if content[4] != IS_AES | 1:
            return PARAMETER_ERROR
        if content[:3] in self.applications:
            return DUPLICATE
        self.applications[content[:3]] = (ZEROS, 0)
        self._keep(self)
        return NATIVE_OK

    def _get_version(self, content: bytes) -> bytes:
        uid = bytes(7) if self._has_random_uid else self.uid
        self._frames = [SOFTWARE_VERSION, uid + PRODUCTION]
        return HARDWARE_VERSION + MORE_FOLLOWS

    def _go_on(self, content: bytes) -> bytes:
        """Give the next frame, or take the second half of an authentication."""
        challenge, self._challenge = self._challenge, None
        if challenge is None:
            frame = self._frames.pop(0) if self._frames else None
            if frame is None:
                return ILLEGAL_COMMAND
            return frame + (MORE_FOLLOWS if self._frames else NATIVE_OK)
        if len(content) != 2 * BLOCK:
            return LENGTH_ERROR
        key, _ = self.applications[self._selected]
        found = answer_challenge(key, challenge, content, transaction=secrets.token_bytes(4))
        if found is None:
            return AUTHENTICATION_ERROR
        self._session, answer = found
        return answer + NATIVE_OK

    def _authenticate(self, content: bytes) -> bytes:
        self._session = None
        if len(content) < 2 or len(content) != 2 + content[1]:
            return LENGTH_ERROR
        if self._selected == CARD_ITSELF or content[0] != 0:
            return NO_SUCH_KEY
        self._challenge = Challenge(0, secrets.token_bytes(BLOCK))
        key, _ = self.applications[self._selected]
        return encrypt(key, ZEROS, self._challenge.random) + MORE_FOLLOWS

    def _get_key_version(self, content: bytes) -> bytes:
        if self._session is not None:
            content = self._session.open_mac(0x64, content)
        if content != b"\0" or self._selected == CARD_ITSELF:
            return NO_SUCH_KEY
        version = bytes([self.applications[self._selected][1]])
        return (version if self._session is None else self._session.close_mac(version)) + NATIVE_OK

    def _change_key(self, content: bytes) -> bytes:
        if self._session is None:
            return AUTHENTICATION_ERROR
        header, told = self._session.open_full(0xC4, content, header_bytes=1)
        if header != b"\0":
            return NO_SUCH_KEY
        if len(told) != 17:
            return LENGTH_ERROR
        self.applications[self._selected] = (told[:16], told[16])
        self._session = None
        self._keep(self)
        return NATIVE_OK
