"""The proofs that NTAG 424 DNA cards give of themselves, checked with keys alone.

Knows AES and the formats of AN12196 and AN10922; must not know Django, the database or where keys lie.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC

from prepaid.cards.errors import CardError

BLOCK_BYTES = 16
UID_BYTES = 7
DIVERSIFICATION_BYTES_MAX = 31
URI_LENGTH_MAX = 1024

# Encrypted PICCData that mirrors both the 7 bytes of the UID and the counter.
PICC_DATA_TAG = 0xC0 | UID_BYTES
_SV1 = bytes.fromhex("c33c00010080")
_SV2 = bytes.fromhex("3cc300010080")

_SUN = re.compile(
    r"https?://[^\s?#]+\?(?:(?!(?:picc_data|enc|cmac)=)[\w.~-]+=[^\s&#]*&)*"
    r"picc_data=(?P<picc_data>[0-9A-Fa-f]{32})&"
    r"(?:enc=(?P<enc>(?:[0-9A-Fa-f]{32})+)&)?"
    r"cmac=(?P<cmac>[0-9A-Fa-f]{16})",
    re.ASCII,
)


class SunRefused(CardError):
    """A SUN message does not prove a card."""

    code = "sun_refused"


class SunMalformed(SunRefused):
    """The URI is not one that a card of ours mirrors its proof into."""


class SunForged(SunRefused):
    """The message was not made with these keys, or was changed since."""


@dataclass(frozen=True, slots=True)
class SunMessage:
    """What a card mirrored into its URI; the MAC covers `mac_input` beside UID and counter."""

    picc_data: bytes
    cmac: bytes
    enc: bytes | None
    mac_input: bytes


@dataclass(frozen=True, slots=True)
class SunIdentity:
    """Which card made a message, and which of its readings that was. Only a rising counter is news."""

    uid: bytes
    counter: int


def parse_sun(uri: str) -> SunMessage:
    """Take a SUN message out of `...?picc_data=<32 hex>[&enc=<32n hex>]&cmac=<16 hex>`, nothing after.

    With `enc`, the MAC covers the text from its value up to the MAC's own (AN12196 4.4.4.2.2).
    Raises SunMalformed for anything else, repeated parameters included.
    """
    found = _SUN.fullmatch(uri) if len(uri) <= URI_LENGTH_MAX else None
    if found is None:
        raise SunMalformed("The address is not a card's SUN message.")
    enc = found["enc"]
    return SunMessage(
        picc_data=bytes.fromhex(found["picc_data"]),
        cmac=bytes.fromhex(found["cmac"]),
        enc=None if enc is None else bytes.fromhex(enc),
        mac_input=b"" if enc is None else uri[found.start("enc") : found.start("cmac")].encode("ascii"),
    )


def verify_sun(
    message: SunMessage, *, key_meta: bytes, file_key_for: Callable[[bytes], bytes]
) -> SunIdentity:
    """Tell which card made the message and at which count; `file_key_for` gives the key of a UID.

    Whether the count is news is the caller's to decide, in the commit that uses it.
    Raises SunForged. Source: NT4H2421Gx 9.3, AN12196 4.4.
    """
    claimed = read_claim(message, key_meta=key_meta)
    session_key = session_mac_key(
        file_key_for(claimed.uid), claimed.uid, claimed.counter.to_bytes(3, "little")
    )
    if not hmac.compare_digest(truncate_mac(cmac(session_key, message.mac_input)), message.cmac):
        raise SunForged("The message was not made with these keys.")
    return claimed


def read_claim(message: SunMessage, *, key_meta: bytes) -> SunIdentity:
    """Tell which card a message says it is of; no proof, as its MAC is not looked at. Raises SunForged."""
    plain = _decrypt(key_meta, message.picc_data)
    if plain[0] != PICC_DATA_TAG:
        raise SunForged("The message was not made with these keys.")
    return SunIdentity(uid=plain[1:8], counter=int.from_bytes(plain[8:11], "little"))


def diversify(master: bytes, material: bytes) -> bytes:
    """Derive a card's AES-128 key from a master key; `material` is 1 to 31 bytes, such as the UID.

    Source: AN10922 2.2. Short material is padded to two blocks, so this is no plain CMAC of it.
    """
    if not 1 <= len(material) <= DIVERSIFICATION_BYTES_MAX:
        raise ValueError("the diversification input is 1 to 31 bytes")
    text = b"\x01" + material
    first, second = _subkeys(master)
    if len(text) == 2 * BLOCK_BYTES:
        last = first
    else:
        text, last = (text + b"\x80").ljust(2 * BLOCK_BYTES, b"\0"), second
    text = text[:BLOCK_BYTES] + _xor(text[BLOCK_BYTES:], last)
    encryptor = Cipher(algorithms.AES128(master), modes.CBC(bytes(BLOCK_BYTES))).encryptor()
    return encryptor.update(text)[-BLOCK_BYTES:]


def session_encryption_key(file_key: bytes, uid: bytes, counter: bytes) -> bytes:
    """Derive the key of the encrypted file content; `counter` is 3 bytes, lowest first as on the air."""
    return cmac(file_key, _SV1 + uid + counter)


def session_mac_key(file_key: bytes, uid: bytes, counter: bytes) -> bytes:
    """Derive the key of the message's MAC; `counter` is 3 bytes, lowest first as on the air."""
    return cmac(file_key, _SV2 + uid + counter)


def cmac(key: bytes, text: bytes) -> bytes:
    """Make the 16 bytes of AES-CMAC (NIST SP 800-38B)."""
    mac = CMAC(algorithms.AES128(key))
    mac.update(text)
    return mac.finalize()


def truncate_mac(mac: bytes) -> bytes:
    """Take the 8 bytes that NXP's cards send of a CMAC: the second, fourth ... sixteenth."""
    return mac[1::2]


def _subkeys(key: bytes) -> tuple[bytes, bytes]:
    encryptor = Cipher(algorithms.AES128(key), modes.ECB()).encryptor()
    first = _double(encryptor.update(bytes(BLOCK_BYTES)))
    return first, _double(first)


def _double(block: bytes) -> bytes:
    doubled = int.from_bytes(block) << 1
    if doubled >> 128:
        doubled ^= (1 << 128) | 0x87
    return doubled.to_bytes(BLOCK_BYTES)


def _decrypt(key: bytes, text: bytes) -> bytes:
    decryptor = Cipher(algorithms.AES128(key), modes.CBC(bytes(BLOCK_BYTES))).decryptor()
    return decryptor.update(text)


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))
