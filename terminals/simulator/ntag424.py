"""NXP NTAG 424 DNA: files, commands and Secure Dynamic Messaging of a card personalised for us.

Knows the APDUs of NT4H2421Gx; must not know frames, nor where counters are kept.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from terminals.simulator.iso_dep import IsoDep
from terminals.simulator.ndef import uri_message
from terminals.simulator.sdm import MAC_LENGTH, PADDING_BYTES, PICC_DATA_LENGTH, SdmSettings, mirror
from terminals.simulator.type_a import TypeACard

# As the card's own but for its waiting time: 309 ms where the real one takes 39, for a busy machine.
ATS = bytes.fromhex("067777A10280")
APPLICATION = bytes.fromhex("D2760000850101")
CAPABILITY_FILE, NDEF_FILE, PROPRIETARY_FILE = 0xE103, 0xE104, 0xE105
CAPABILITIES = bytes.fromhex("001720010000FF0406E104010000000506E10500808283")
FILE_SIZES = {CAPABILITY_FILE: 32, NDEF_FILE: 256, PROPRIETARY_FILE: 128}
HARDWARE_VERSION = bytes.fromhex("04040230001105")
SOFTWARE_VERSION = bytes.fromhex("04040201021105")
PRODUCTION = bytes.fromhex("CF123456781224")
COUNTER_MAX = 0xFFFFFF

OK = b"\x90\x00"
NATIVE_OK = b"\x91\x00"
MORE_FOLLOWS = b"\x91\xaf"
ILLEGAL_COMMAND = b"\x91\x1c"
WRONG_LENGTH = b"\x67\x00"
SECURITY_NOT_SATISFIED = b"\x69\x82"
CONDITIONS_NOT_SATISFIED = b"\x69\x85"
FILE_NOT_FOUND = b"\x6a\x82"
WRONG_PARAMETERS = b"\x6b\x00"
UNKNOWN_INSTRUCTION = b"\x6d\x00"
UNKNOWN_CLASS = b"\x6e\x00"

SELECT, READ_BINARY, UPDATE_BINARY = 0xA4, 0xB0, 0xD6
GET_VERSION, ADDITIONAL_FRAME = 0x60, 0xAF


@dataclass(slots=True)
class StandardFile:
    """A file's content and rights: `read_key` is None where anybody may read."""

    content: bytes
    read_key: int | None = None
    sdm: SdmSettings | None = None


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
    """A card with its NDEF file, mirroring its UID, counter and MAC into it for whoever reads.

    `count` gives the next value of the read counter, kept for good before it returns.
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
    ) -> None:
        self._keys = keys
        self._files = files
        self._count = count
        self._iso_commands: dict[int, Callable[[Apdu], bytes]] = {
            SELECT: self._select_file,
            READ_BINARY: self._read_binary,
            UPDATE_BINARY: self._update_binary,
        }
        self._native_commands: dict[int, Callable[[Apdu], bytes]] = {
            GET_VERSION: self._get_version,
            ADDITIONAL_FRAME: self._give_next_frame,
        }
        super().__init__(number=number, label=label, uid=uid, has_random_uid=has_random_uid)

    def deactivate(self) -> None:
        self._iso_dep = IsoDep(ATS, self.answer_command)
        self._is_application_selected = False
        self._selected: int | None = None
        self._run: Run | None = None
        self._frames: list[bytes] = []

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
        apdu = _parse(command)
        if apdu is None:
            return WRONG_LENGTH
        obey = commands.get(apdu.instruction)
        if apdu.instruction != READ_BINARY:
            self._run = None
        if apdu.instruction != ADDITIONAL_FRAME:
            self._frames = []
        if obey is None:
            return UNKNOWN_INSTRUCTION if command[0] == 0x00 else ILLEGAL_COMMAND
        return obey(apdu)

    def _select_file(self, apdu: Apdu) -> bytes:
        if apdu.p1 == 0x04:
            self._is_application_selected = apdu.content == APPLICATION
            self._selected = None
            return OK if self._is_application_selected else FILE_NOT_FOUND
        file = int.from_bytes(apdu.content)
        if apdu.p1 != 0x00 or not self._is_application_selected or file not in self._files:
            return FILE_NOT_FOUND
        self._selected = file
        return OK

    def _read_binary(self, apdu: Apdu) -> bytes:
        if apdu.expected is None:
            return WRONG_LENGTH
        if apdu.p1 & 0x80:
            self._selected = 0xE100 | apdu.p1 & 0x1F
            offset = apdu.p2
        else:
            offset = apdu.p1 << 8 | apdu.p2
        file = self._files.get(self._selected or 0)
        if self._selected is None or file is None or not self._is_application_selected:
            return CONDITIONS_NOT_SATISFIED
        if file.read_key is not None:
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
        # Once a card is personalised, writing needs key 0.
        return SECURITY_NOT_SATISFIED

    def _get_version(self, apdu: Apdu) -> bytes:
        uid = bytes(7) if self._has_random_uid else self.uid
        self._frames = [SOFTWARE_VERSION, uid + PRODUCTION]
        return HARDWARE_VERSION + MORE_FOLLOWS

    def _give_next_frame(self, apdu: Apdu) -> bytes:
        if not self._frames:
            return ILLEGAL_COMMAND
        frame = self._frames.pop(0)
        return frame + (MORE_FOLLOWS if self._frames else NATIVE_OK)

    def _show(self, file: StandardFile) -> bytes | None:
        """Give a file as this run of readings shows it; None once its counter is at its end."""
        if file.sdm is None:
            return file.content
        counter = self._count()
        if counter > COUNTER_MAX:
            return None
        return mirror(
            file.content,
            file.sdm,
            meta_key=self._keys[file.sdm.meta_read_key],
            file_key=self._keys[file.sdm.file_read_key],
            uid=self.uid,
            counter=counter,
            padding=secrets.token_bytes(PADDING_BYTES),
        )


def personalised_files(uri_base: str, enc: bytes = b"") -> dict[int, StandardFile]:
    """Make the three files of a card whose address begins with `uri_base`.

    `enc` is file content to be mirrored encrypted, in whole blocks of 16 bytes. Raises ValueError.
    """
    if len(enc) % 16:
        raise ValueError("what is mirrored encrypted comes in whole blocks of 16 bytes")
    uri = f"{uri_base}{'&' if '?' in uri_base else '?'}picc_data={'0' * PICC_DATA_LENGTH}"
    if enc:
        uri += f"&enc={'0' * (2 * len(enc))}"
    uri += f"&cmac={'0' * MAC_LENGTH}"
    message = uri_message(uri)
    content = bytearray((len(message).to_bytes(2) + message).ljust(FILE_SIZES[NDEF_FILE], b"\0"))
    if len(content) > FILE_SIZES[NDEF_FILE]:
        raise ValueError(f"the address is too long for the card: {uri_base}")
    mac_offset = content.rindex(b"&cmac=") + len(b"&cmac=")
    enc_offset = content.rindex(b"&enc=") + len(b"&enc=") if enc else 0
    content[enc_offset : enc_offset + len(enc)] = enc
    sdm = SdmSettings(
        picc_data_offset=content.rindex(b"picc_data=") + len(b"picc_data="),
        mac_input_offset=enc_offset or mac_offset,
        mac_offset=mac_offset,
        enc_offset=enc_offset,
        enc_length=2 * len(enc),
    )
    return {
        CAPABILITY_FILE: StandardFile(CAPABILITIES.ljust(FILE_SIZES[CAPABILITY_FILE], b"\0")),
        NDEF_FILE: StandardFile(bytes(content), sdm=sdm),
        PROPRIETARY_FILE: StandardFile(bytes(FILE_SIZES[PROPRIETARY_FILE]), read_key=3),
    }


def _parse(command: bytes) -> Apdu | None:
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
