"""NXP NTAG 424 DNA: its commands, from a blank of the factory's to a card that is personalised.

Knows the APDUs of NT4H2421Gx; must not know frames, nor where keys, files and counters are kept.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from terminals.simulator.iso_dep import IsoDep
from terminals.simulator.ntag424_files import (
    FILE_IDS,
    PLAIN,
    StandardFile,
)
from terminals.simulator.sdm import PADDING_BYTES, mirror
from terminals.simulator.secure_messaging import (
    BLOCK,
    ZEROS,
    Challenge,
    Session,
    WrongMac,
    answer_challenge,
    checksum,
    encrypt,
)
from terminals.simulator.type_a import TypeACard

# As the card's own but for its waiting time: 309 ms where the real one takes 39, for a busy machine.
ATS = bytes.fromhex("067777A10280")
APPLICATION = bytes.fromhex("D2760000850101")
HARDWARE_VERSION = bytes.fromhex("04040230001105")
SOFTWARE_VERSION = bytes.fromhex("04040201021105")
PRODUCTION = bytes.fromhex("CF123456781224")
COUNTER_MAX = 0xFFFFFF

OK = b"\x90\x00"
NATIVE_OK = b"\x91\x00"
MORE_FOLLOWS = b"\x91\xaf"
ILLEGAL_COMMAND = b"\x91\x1c"
INTEGRITY_ERROR = b"\x91\x1e"
NO_SUCH_KEY = b"\x91\x40"
LENGTH_ERROR = b"\x91\x7e"
PERMISSION_DENIED = b"\x91\x9d"
PARAMETER_ERROR = b"\x91\x9e"
AUTHENTICATION_ERROR = b"\x91\xae"
NO_SUCH_FILE = b"\x91\xf0"
WRONG_LENGTH = b"\x67\x00"
SECURITY_NOT_SATISFIED = b"\x69\x82"
CONDITIONS_NOT_SATISFIED = b"\x69\x85"
FILE_NOT_FOUND = b"\x6a\x82"
WRONG_PARAMETERS = b"\x6b\x00"
UNKNOWN_INSTRUCTION = b"\x6d\x00"
UNKNOWN_CLASS = b"\x6e\x00"

SELECT, READ_BINARY, UPDATE_BINARY = 0xA4, 0xB0, 0xD6
GET_VERSION, ADDITIONAL_FRAME, AUTHENTICATE_FIRST = 0x60, 0xAF, 0x71
GET_KEY_VERSION, CHANGE_KEY, GET_CARD_UID = 0x64, 0xC4, 0x51
GET_FILE_SETTINGS, CHANGE_FILE_SETTINGS = 0xF5, 0x5F
KEYS = range(5)


@dataclass(frozen=True, slots=True)
class Apdu:
    """A command of ISO/IEC 7816-4 in its short form; `expected` is None without Le, 256 for Le 0."""

    instruction: int
    p1: int
    p2: int
    content: bytes
    expected: int | None


@dataclass(slots=True)
class Run:
    """Readings that follow one another without another command: they show one state of the file."""

    file: int
    shown: bytes


class Ntag424(TypeACard):
    """A card with its keys and files, mirroring its UID, counter and MAC into its address once told to.

    `count` gives the next value of the read counter, kept for good before it returns; `keep` is called after
    each change of keys, files or settings, before it is answered. A key of version 0 is the factory's.
    """

    technology = "ntag424"
    sens_res = b"\x44\x03"
    sel_res = 0x20

    def __init__(
        self,
        *,
        number: int,
        label: str,
        uid: bytes,
        keys: dict[int, bytes],
        files: dict[int, StandardFile],
        count: Callable[[], int],
        has_random_uid: bool = False,
        versions: dict[int, int] | None = None,
        keep: Callable[[Ntag424], object] = id,
    ) -> None:
        self.keys = dict.fromkeys(KEYS, ZEROS) | keys
        self.versions = dict.fromkeys(KEYS, 0) | (versions or {})
        self.files = files
        self._count = count
        self._keep = keep
        self._iso_commands: dict[int, Callable[[Apdu], bytes]] = {
            SELECT: self._select_file,
            READ_BINARY: self._read_binary,
            UPDATE_BINARY: self._update_binary,
        }
        self._native_commands: dict[int, Callable[[Apdu], bytes]] = {
            GET_VERSION: self._get_version,
            ADDITIONAL_FRAME: self._go_on,
            AUTHENTICATE_FIRST: self._authenticate,
            GET_KEY_VERSION: self._get_key_version,
            CHANGE_KEY: self._change_key,
            GET_CARD_UID: self._get_card_uid,
            GET_FILE_SETTINGS: self._get_file_settings,
            CHANGE_FILE_SETTINGS: self._change_file_settings,
        }
        super().__init__(number=number, label=label, uid=uid, has_random_uid=has_random_uid)

    def deactivate(self) -> None:
        self._iso_dep = IsoDep(ATS, self.answer_command)
        self._is_application_selected = False
        self._selected: int | None = None
        self._run: Run | None = None
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
        commands = {0x00: self._iso_commands, 0x90: self._native_commands}.get(command[0] if command else 1)
        if commands is None:
            return UNKNOWN_CLASS
        apdu = parse(command)
        if apdu is None:
            return WRONG_LENGTH
        obey = commands.get(apdu.instruction)
        if apdu.instruction != READ_BINARY:
            self._run = None
        if apdu.instruction != ADDITIONAL_FRAME:
            self._frames, self._challenge = [], None
        if obey is None:
            return UNKNOWN_INSTRUCTION if command[0] == 0x00 else ILLEGAL_COMMAND
        try:
            answer = obey(apdu)
        except WrongMac:
            answer = INTEGRITY_ERROR
        if answer[-2:] not in {OK, NATIVE_OK, MORE_FOLLOWS}:
            # Whatever goes wrong ends the session.
            self._session = None
        return answer

    def _select_file(self, apdu: Apdu) -> bytes:
        if apdu.p1 == 0x04:
            self._is_application_selected = apdu.content == APPLICATION
            self._selected = self._session = None
            return OK if self._is_application_selected else FILE_NOT_FOUND
        file = int.from_bytes(apdu.content)
        if apdu.p1 != 0x00 or not self._is_application_selected or file not in self.files:
            return FILE_NOT_FOUND
        self._selected = file
        return OK

    def _read_binary(self, apdu: Apdu) -> bytes:
        if apdu.expected is None:
            return WRONG_LENGTH
        offset = self._place(apdu)
        file = self.files.get(self._selected or 0)
        if self._selected is None or file is None or not self._is_application_selected:
            return CONDITIONS_NOT_SATISFIED
        if not file.may_read(self._authenticated()) or file.mode != PLAIN:
            return SECURITY_NOT_SATISFIED
        if offset >= len(file.content):
            return WRONG_PARAMETERS
        if self._run is None or self._run.file != self._selected:
            shown = self._show(file)
            if shown is None:
                return CONDITIONS_NOT_SATISFIED
            self._run = Run(self._selected, shown)
        return self._run.shown[offset : offset + apdu.expected] + OK

    def _update_binary(self, apdu: Apdu) -> bytes:
        offset = self._place(apdu)
        file = self.files.get(self._selected or 0)
        if file is None or not self._is_application_selected:
            return CONDITIONS_NOT_SATISFIED
        if not file.may_write(self._authenticated()) or file.mode != PLAIN:
            return SECURITY_NOT_SATISFIED
        if not apdu.content:
            return WRONG_LENGTH
        if not file.put(offset, apdu.content):
            return WRONG_PARAMETERS
        self._keep(self)
        return OK

    def _place(self, apdu: Apdu) -> int:
        """Select a file that is named in short, and give the offset."""
        if apdu.p1 & 0x80:
            self._selected = 0xE100 | apdu.p1 & 0x1F
            return apdu.p2
        return apdu.p1 << 8 | apdu.p2

    def _get_version(self, apdu: Apdu) -> bytes:
        uid = bytes(7) if self._has_random_uid else self.uid
        self._frames = [SOFTWARE_VERSION, uid + PRODUCTION]
        return HARDWARE_VERSION + MORE_FOLLOWS

    def _go_on(self, apdu: Apdu) -> bytes:
        """Give the next frame, or take the second half of an authentication."""
        if self._challenge is not None:
            return self._finish_authentication(apdu)
        if not self._frames:
            return ILLEGAL_COMMAND
        frame = self._frames.pop(0)
        return frame + (MORE_FOLLOWS if self._frames else NATIVE_OK)

    def _authenticate(self, apdu: Apdu) -> bytes:
        self._session = None
        if len(apdu.content) < 2 or len(apdu.content) != 2 + apdu.content[1]:
            return LENGTH_ERROR
        number = apdu.content[0]
        if not self._is_application_selected or number not in KEYS:
            return NO_SUCH_KEY
        self._challenge = Challenge(number, secrets.token_bytes(BLOCK))
        return encrypt(self.keys[number], ZEROS, self._challenge.random) + MORE_FOLLOWS

    def _finish_authentication(self, apdu: Apdu) -> bytes:
        challenge, self._challenge = self._challenge, None
        assert challenge is not None
        if len(apdu.content) != 2 * BLOCK:
            return LENGTH_ERROR
        key = self.keys[challenge.key_number]
        found = answer_challenge(key, challenge, apdu.content, transaction=secrets.token_bytes(4))
        if found is None:
            return AUTHENTICATION_ERROR
        self._session, answer = found
        return answer + NATIVE_OK

    def _get_key_version(self, apdu: Apdu) -> bytes:
        content = apdu.content
        if self._session is not None:
            content = self._session.open_mac(GET_KEY_VERSION, content)
        if len(content) != 1 or not self._is_application_selected:
            return LENGTH_ERROR
        if content[0] not in KEYS:
            return NO_SUCH_KEY
        version = bytes([self.versions[content[0]]])
        return (version if self._session is None else self._session.close_mac(version)) + NATIVE_OK

    def _get_card_uid(self, apdu: Apdu) -> bytes:
        if self._session is None:
            return AUTHENTICATION_ERROR
        if self._session.open_mac(GET_CARD_UID, apdu.content):
            return LENGTH_ERROR
        return self._session.close_full(self.uid) + NATIVE_OK

    def _change_key(self, apdu: Apdu) -> bytes:
        if self._session is None or self._session.key_number != 0:
            return AUTHENTICATION_ERROR if self._session is None else PERMISSION_DENIED
        header, told = self._session.open_full(CHANGE_KEY, apdu.content, header_bytes=1)
        number = header[0]
        if number not in KEYS:
            return NO_SUCH_KEY
        if number == 0:
            if len(told) != 17:
                return LENGTH_ERROR
            self.keys[0], self.versions[0] = told[:16], told[16]
            # The session's key is no more, and neither is the session.
            self._session = None
            self._keep(self)
            return NATIVE_OK
        if len(told) != 21:
            return LENGTH_ERROR
        key = bytes(a ^ b for a, b in zip(told[:16], self.keys[number], strict=True))
        if checksum(key) != told[17:]:
            return INTEGRITY_ERROR
        self.keys[number], self.versions[number] = key, told[16]
        self._keep(self)
        return self._session.close_mac() + NATIVE_OK

    def _get_file_settings(self, apdu: Apdu) -> bytes:
        content = apdu.content
        if self._session is not None:
            content = self._session.open_mac(GET_FILE_SETTINGS, content)
        if len(content) != 1 or not self._is_application_selected:
            return LENGTH_ERROR
        file = self.files.get(FILE_IDS.get(content[0], 0))
        if file is None:
            return NO_SUCH_FILE
        told = file.settings()
        return (told if self._session is None else self._session.close_mac(told)) + NATIVE_OK

    def _change_file_settings(self, apdu: Apdu) -> bytes:
        if self._session is None:
            return AUTHENTICATION_ERROR
        header, told = self._session.open_full(CHANGE_FILE_SETTINGS, apdu.content, header_bytes=1)
        file = self.files.get(FILE_IDS.get(header[0], 0))
        if file is None:
            return NO_SUCH_FILE
        if file.change != self._session.key_number:
            return PERMISSION_DENIED
        if not file.take_settings(told):
            return PARAMETER_ERROR
        self._keep(self)
        return self._session.close_mac() + NATIVE_OK

    def _authenticated(self) -> int | None:
        return None if self._session is None else self._session.key_number

    def _show(self, file: StandardFile) -> bytes | None:
        """Give a file as this run of readings shows it; None once its counter is at its end."""
        if file.sdm is None or self._session is not None:
            return file.content
        counter = self._count()
        if counter > COUNTER_MAX:
            return None
        return mirror(
            file.content,
            file.sdm,
            meta_key=self.keys[file.sdm.meta_read_key],
            file_key=self.keys[file.sdm.file_read_key],
            uid=self.uid,
            counter=counter,
            padding=secrets.token_bytes(PADDING_BYTES),
        )


def parse(command: bytes) -> Apdu | None:
    """Read a short APDU; None when its lengths do not agree."""
    if len(command) < 4:
        return None
    _, instruction, p1, p2 = command[:4]
    rest = command[4:]
    if not rest:
        return Apdu(instruction, p1, p2, b"", None)
    if len(rest) == 1:
        return Apdu(instruction, p1, p2, b"", rest[0] or 256)
    length = rest[0]
    content, tail = rest[1 : 1 + length], rest[1 + length :]
    if not length or len(content) != length or len(tail) > 1:
        return None
    return Apdu(instruction, p1, p2, content, (tail[0] or 256) if tail else None)
