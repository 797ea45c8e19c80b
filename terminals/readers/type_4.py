"""The NDEF message of a type 4 tag, read by plain ISO/IEC 7816-4 commands.

Knows the commands of the NFC Forum's type 4 tag; must not know a driver, nor what an address is worth.
"""

from __future__ import annotations

from collections.abc import Callable

import ndef

Transceive = Callable[[bytes], bytes]

APPLICATION = bytes.fromhex("D2760000850101")
CAPABILITY_FILE = bytes.fromhex("E103")
CAPABILITIES_LENGTH = 15
# What a tag may say at most of its message: a card of ours has 256 bytes.
MESSAGE_LENGTH_MAX = 4096
READ_LENGTH_MAX = 240
OK = b"\x90\x00"
URI_TYPE = "urn:nfc:wkt:U"


def read_uri(transceive: Transceive) -> str | None:
    """Give the first address of the card's message as it stands there; None where it bears none.

    Read once: each reading of a card with SUN makes another message and uses up a count. Raises what
    `transceive` raises. Source: NFC Forum, Type 4 Tag 1.2.
    """
    octets = read_message(transceive)
    if octets is None:
        return None
    try:
        records = list(ndef.message_decoder(octets))
    except ndef.DecodeError:
        return None
    return next((record.iri for record in records if isinstance(record, ndef.UriRecord)), None)


def read_message(transceive: Transceive) -> bytes | None:
    """Read the message's bytes; None where there is no NDEF application or it makes no sense."""
    if _select(transceive, 0x04, APPLICATION, b"\0") and _select(transceive, 0x00, CAPABILITY_FILE, b""):
        capabilities = _read(transceive, 0, CAPABILITIES_LENGTH)
        if capabilities is None or len(capabilities) < CAPABILITIES_LENGTH or capabilities[7] != 0x04:
            return None
        at_once = min(max(int.from_bytes(capabilities[3:5]), 1), READ_LENGTH_MAX)
        if _select(transceive, 0x00, capabilities[9:11], b""):
            return _read_file(transceive, at_once)
    return None


def _read_file(transceive: Transceive, at_once: int) -> bytes | None:
    head = _read(transceive, 0, 2)
    if head is None or len(head) != 2:
        return None
    length = int.from_bytes(head)
    message = b""
    while len(message) < min(length, MESSAGE_LENGTH_MAX):
        piece = _read(transceive, 2 + len(message), min(at_once, length - len(message)))
        if not piece:
            return None
        message += piece
    return message if len(message) == length else None


def _select(transceive: Transceive, by: int, name: bytes, expected: bytes) -> bool:
    order = b"\0\xa4" + bytes([by, 0x00 if by else 0x0C, len(name)]) + name + expected
    return transceive(order)[-2:] == OK


def _read(transceive: Transceive, offset: int, length: int) -> bytes | None:
    answer = transceive(b"\0\xb0" + offset.to_bytes(2) + bytes([length]))
    return answer[:-2] if answer[-2:] == OK else None
