"""The NDEF file of an NTAG 424 DNA as it is written at issuance, and the settings that make it a SUN message.

Knows the bytes of NT4H2421Gx 10.7 and of an NDEF address; must not know keys or sessions.
"""

from __future__ import annotations

from dataclasses import dataclass

FILE_NUMBER, FILE_ID = 0x02, 0xE104
# The file is larger, but this much is read by one command.
READ_BYTES_MAX = 255
# Longer commands time out on readers that are sold.
PIECE_BYTES_MAX = 40
PICC_DATA_DIGITS, MAC_DIGITS = 32, 16
# Mirroring on and plain communication; UID, counter, in ASCII.
_FILE_OPTION, _MIRRORS = 0x40, 0xC1
# Reading is free; writing, both and changing need key 0. Lowest byte first.
_ACCESS_RIGHTS = bytes.fromhex("00e0")
# UID and counter under key 2, the MAC under key 1, and nobody asks for the counter by itself.
_MIRROR_RIGHTS = bytes.fromhex("ff21")
_IS_WRITTEN_BY_ANYBODY = 0x0E
_PREFIXES = {"https://www.": 2, "http://www.": 1, "https://": 4, "http://": 3}
_HEADER, _TYPE = b"\xd1\x01", b"U"


@dataclass(frozen=True, slots=True)
class Template:
    """A file's content with zeros where the card mirrors, and where that is, from the file's first byte."""

    content: bytes
    picc_data_offset: int
    mac_offset: int

    @property
    def settings(self) -> bytes:
        """Give the data of ChangeFileSettings. Source: NT4H2421Gx table 69, AN12196 table 18."""
        offsets = (self.picc_data_offset, self.mac_offset, self.mac_offset)
        return (
            bytes([_FILE_OPTION])
            + _ACCESS_RIGHTS
            + bytes([_MIRRORS])
            + _MIRROR_RIGHTS
            + b"".join(offset.to_bytes(3, "little") for offset in offsets)
        )

    @property
    def writes(self) -> list[bytes]:
        """List the commands that write the file: its length last, so that a torn one reads as empty."""
        pieces = range(2, len(self.content), PIECE_BYTES_MAX)
        return [
            _update(0, bytes(2)),
            *(_update(start, self.content[start : start + PIECE_BYTES_MAX]) for start in pieces),
            _update(0, self.content[:2]),
        ]


def make_template(uri: str) -> Template:
    """Lay out the file of a card whose address begins with `uri`. Raises ValueError where it does not fit."""
    address = f"{uri}{'&' if '?' in uri else '?'}picc_data={'0' * PICC_DATA_DIGITS}&cmac={'0' * MAC_DIGITS}"
    prefix = next((prefix for prefix in _PREFIXES if address.startswith(prefix)), "")
    payload = bytes([_PREFIXES.get(prefix, 0)]) + address.removeprefix(prefix).encode("ascii")
    message = _HEADER + bytes([len(payload) & 0xFF]) + _TYPE + payload
    content = len(message).to_bytes(2) + message
    if len(payload) > 255 or len(content) > READ_BYTES_MAX:
        raise ValueError(f"The address is too long for a card: {uri}")
    return Template(
        content=content,
        picc_data_offset=content.rindex(b"picc_data=") + len(b"picc_data="),
        mac_offset=content.rindex(b"&cmac=") + len(b"&cmac="),
    )


def is_written_by_anybody(settings: bytes) -> bool:
    """Tell from the answer to GetFileSettings whether writing needs no key, as on a blank."""
    return len(settings) >= 4 and settings[3] & 0x0F == _IS_WRITTEN_BY_ANYBODY


def address_of(content: bytes) -> str:
    """Give the address out of the file's content, as a reader sees it; empty where there is none."""
    length = int.from_bytes(content[:2])
    message = content[2 : 2 + length]
    if message[:2] != _HEADER or message[3:4] != _TYPE or len(message) < 5:
        return ""
    prefix = next((prefix for prefix, code in _PREFIXES.items() if code == message[4]), "")
    return prefix + message[5:].decode("ascii", "replace")


def _update(offset: int, piece: bytes) -> bytes:
    return b"\x00\xd6" + offset.to_bytes(2) + bytes([len(piece)]) + piece
