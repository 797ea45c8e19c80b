"""The files of an NTAG 424 DNA: content, rights and mirroring, as a factory leaves them and as we write them.

Knows the bytes of NT4H2421Gx 10.7; must not know keys, sessions or frames.
"""

from __future__ import annotations

from dataclasses import dataclass

from terminals.simulator.ndef import uri_message
from terminals.simulator.sdm import MAC_LENGTH, PICC_DATA_LENGTH, SdmSettings

CAPABILITY_FILE, NDEF_FILE, PROPRIETARY_FILE = 0xE103, 0xE104, 0xE105
CAPABILITIES = bytes.fromhex("001720010000FF0406E104010000000506E10500808283")
FILE_SIZES = {CAPABILITY_FILE: 32, NDEF_FILE: 256, PROPRIETARY_FILE: 128}
FILE_IDS = {1: CAPABILITY_FILE, 2: NDEF_FILE, 3: PROPRIETARY_FILE}
FREE, NEVER = 0xE, 0xF
PLAIN, FULL = 0, 3
IS_MIRRORING = 0x40
MIRRORS_UID, MIRRORS_COUNTER, MIRRORS_ENC, LIMITS_COUNTER, IN_ASCII = 0x80, 0x40, 0x10, 0x20, 0x01
KEYS = range(5)


@dataclass(slots=True)
class StandardFile:
    """A file's content and rights: each the number of a key, FREE or NEVER."""

    content: bytes
    read: int = FREE
    write: int = 0
    read_write: int = 0
    change: int = 0
    mode: int = PLAIN
    sdm: SdmSettings | None = None

    def may_read(self, key_number: int | None) -> bool:
        """Tell whether it may be read by who authenticated with this key, or with none."""
        return bool({FREE, key_number} & {self.read, self.read_write})

    def may_write(self, key_number: int | None) -> bool:
        """Tell whether it may be written by who authenticated with this key, or with none."""
        return bool({FREE, key_number} & {self.write, self.read_write})

    def put(self, offset: int, piece: bytes) -> bool:
        """Write a piece; False where it does not fit."""
        if offset + len(piece) > len(self.content):
            return False
        self.content = self.content[:offset] + piece + self.content[offset + len(piece) :]
        return True

    def settings(self) -> bytes:
        """Give what GetFileSettings tells."""
        head = bytes([0, (IS_MIRRORING if self.sdm else 0) | self.mode])
        rights = bytes([self.read_write << 4 | self.change, self.read << 4 | self.write])
        return head + rights + len(self.content).to_bytes(3, "little") + mirror_settings(self.sdm)

    def take_settings(self, told: bytes) -> bool:
        """Set what ChangeFileSettings tells; False where it is not well formed, and then nothing is set."""
        if len(told) < 3:
            return False
        sdm = None
        if told[0] & IS_MIRRORING:
            sdm = parse_mirror_settings(told[3:])
            if sdm is None or sdm.mac_offset + MAC_LENGTH > len(self.content):
                return False
        elif len(told) != 3:
            return False
        self.mode, self.sdm = told[0] & 3, sdm
        self.read_write, self.change = told[1] >> 4, told[1] & 0xF
        self.read, self.write = told[2] >> 4, told[2] & 0xF
        return True


def mirror_settings(sdm: SdmSettings | None) -> bytes:
    """Write mirroring as the commands carry it."""
    if sdm is None:
        return b""
    mirrors = MIRRORS_UID | MIRRORS_COUNTER | IN_ASCII | (MIRRORS_ENC if sdm.enc_length else 0)
    offsets = [sdm.picc_data_offset, sdm.mac_input_offset]
    offsets += [sdm.enc_offset, sdm.enc_length] if sdm.enc_length else []
    rights = bytes([0xF0 | sdm.counter_read_key, sdm.meta_read_key << 4 | sdm.file_read_key])
    return (
        bytes([mirrors])
        + rights
        + b"".join(offset.to_bytes(3, "little") for offset in [*offsets, sdm.mac_offset])
    )


def parse_mirror_settings(told: bytes) -> SdmSettings | None:
    """Read mirroring; None for what this card does not know: UID in clear, no MAC, a counter's limit."""
    if len(told) < 3:
        return None
    mirrors, counter_key, meta_key, file_key = told[0], told[1] & 0xF, told[2] >> 4, told[2] & 0xF
    has_enc = bool(mirrors & MIRRORS_ENC)
    needed = MIRRORS_UID | MIRRORS_COUNTER | IN_ASCII
    numbers = [int.from_bytes(told[place : place + 3], "little") for place in range(3, len(told), 3)]
    is_known = mirrors & needed == needed and not mirrors & LIMITS_COUNTER
    if not is_known or meta_key not in KEYS or file_key not in KEYS or len(told) != 12 + 6 * has_enc:
        return None
    return SdmSettings(
        picc_data_offset=numbers[0],
        mac_input_offset=numbers[1],
        enc_offset=numbers[2] if has_enc else 0,
        enc_length=numbers[3] if has_enc else 0,
        mac_offset=numbers[-1],
        meta_read_key=meta_key,
        file_read_key=file_key,
        counter_read_key=counter_key,
    )


def blank_files() -> dict[int, StandardFile]:
    """Make the three files as the factory leaves them: whoever comes may write the address."""
    return {
        CAPABILITY_FILE: StandardFile(CAPABILITIES.ljust(FILE_SIZES[CAPABILITY_FILE], b"\0")),
        NDEF_FILE: StandardFile(bytes(FILE_SIZES[NDEF_FILE]), write=FREE, read_write=FREE),
        PROPRIETARY_FILE: StandardFile(
            bytes(FILE_SIZES[PROPRIETARY_FILE]), read=2, write=3, read_write=3, mode=FULL
        ),
    }


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
    return blank_files() | {NDEF_FILE: StandardFile(bytes(content), sdm=sdm)}
