"""Secure Dynamic Messaging as the card does it: its proof written into the file while it is read.

Knows AES and offsets, by its own code and none of the site's; must not know frames or files' names.
Source: NT4H2421Gx 9.3.
"""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC

PICC_DATA_LENGTH = 32
MAC_LENGTH = 16
PADDING_BYTES = 5
MIRRORS_UID_AND_COUNTER = 0xC7
ENCRYPTION_LABEL = b"\xc3\x3c\x00\x01\x00\x80"
MAC_LABEL = b"\x3c\xc3\x00\x01\x00\x80"


@dataclass(frozen=True, slots=True)
class SdmSettings:
    """Where in the file what is mirrored, and by which of the card's keys: as ChangeFileSettings sets them.

    Offsets count from the file's first byte; `enc_length` is of the placeholder, 0 without one.
    """

    picc_data_offset: int
    mac_input_offset: int
    mac_offset: int
    enc_offset: int = 0
    enc_length: int = 0
    meta_read_key: int = 2
    file_read_key: int = 1
    counter_read_key: int = 0xF


def mirror(
    content: bytes,
    settings: SdmSettings,
    *,
    meta_key: bytes,
    file_key: bytes,
    uid: bytes,
    counter: int,
    padding: bytes,
) -> bytes:
    """Give a file's content as one reading of it shows it; `padding` is 5 random bytes, the same in a run."""
    shown = bytearray(content)
    count = counter.to_bytes(3, "little")
    picc_data = _encrypt(meta_key, bytes(16), bytes([MIRRORS_UID_AND_COUNTER]) + uid + count + padding)
    _write(shown, settings.picc_data_offset, picc_data)
    if settings.enc_length:
        session_key = _mac(file_key, ENCRYPTION_LABEL + uid + count)
        start = _encrypt(session_key, bytes(16), count.ljust(16, b"\0"))
        plain = content[settings.enc_offset : settings.enc_offset + settings.enc_length // 2]
        _write(shown, settings.enc_offset, _encrypt(session_key, start, plain))
    session_key = _mac(file_key, MAC_LABEL + uid + count)
    covered = bytes(shown[settings.mac_input_offset : settings.mac_offset])
    _write(shown, settings.mac_offset, _mac(session_key, covered)[1::2])
    return bytes(shown)


def _write(shown: bytearray, offset: int, mirrored: bytes) -> None:
    text = mirrored.hex().upper().encode("ascii")
    shown[offset : offset + len(text)] = text


def _encrypt(key: bytes, start: bytes, plain: bytes) -> bytes:
    return Cipher(algorithms.AES128(key), modes.CBC(start)).encryptor().update(plain)


def _mac(key: bytes, text: bytes) -> bytes:
    mac = CMAC(algorithms.AES128(key))
    mac.update(text)
    return mac.finalize()
