"""The card's side of AuthenticateEV2First and of AES secure messaging.

Knows the bytes of NT4H2421Gx 9.1; must not know what a command does. Written apart from the site's side, so
that the two check one another.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC

BLOCK = 16
MAC_BYTES = 8
ZEROS = bytes(BLOCK)
STATUS_OK = 0x00


class WrongMac(Exception):
    """A command's MAC or padding is not right: 911E."""


@dataclass(slots=True)
class Challenge:
    """The first half of an authentication: which key, and the card's random number."""

    key_number: int
    random: bytes


@dataclass(slots=True)
class Session:
    """An authenticated session; `counter` counts commands that were carried out."""

    key_number: int
    key_encryption: bytes
    key_mac: bytes
    transaction: bytes
    counter: int = 0

    def open_mac(self, command: int, content: bytes) -> bytes:
        """Check a command in CommMode.MAC and give what it carries. Raises WrongMac."""
        carried, mac = content[:-MAC_BYTES], content[-MAC_BYTES:]
        if len(content) < MAC_BYTES or self._mac(bytes([command]), self.counter, carried) != mac:
            raise WrongMac
        return carried

    def open_full(self, command: int, content: bytes, *, header_bytes: int) -> tuple[bytes, bytes]:
        """Check and decrypt a command in CommMode.Full: its header and its data return. Raises WrongMac."""
        carried = self.open_mac(command, content)
        header, text = carried[:header_bytes], carried[header_bytes:]
        if not text or len(text) % BLOCK:
            raise WrongMac
        plain = decrypt(self.key_encryption, self._iv(b"\xa5\x5a", self.counter), text)
        unpadded = plain.rstrip(b"\0")
        if not unpadded.endswith(b"\x80"):
            raise WrongMac
        return header, unpadded[:-1]

    def close_mac(self, content: bytes = b"") -> bytes:
        """Count a command as done, and put the MAC behind its answer."""
        self.counter += 1
        return content + self._mac(bytes([STATUS_OK]), self.counter, content)

    def close_full(self, content: bytes) -> bytes:
        """Count a command as done, and encrypt its answer."""
        padded = content + b"\x80" + bytes(-(len(content) + 1) % BLOCK)
        iv = self._iv(b"\x5a\xa5", self.counter + 1)
        return self.close_mac(encrypt(self.key_encryption, iv, padded))

    def _mac(self, first: bytes, counter: int, content: bytes) -> bytes:
        covered = first + counter.to_bytes(2, "little") + self.transaction + content
        return mac(self.key_mac, covered)[1::2]

    def _iv(self, label: bytes, counter: int) -> bytes:
        return encrypt(
            self.key_encryption, ZEROS, label + self.transaction + counter.to_bytes(2, "little") + bytes(8)
        )


def answer_challenge(
    key: bytes, challenge: Challenge, text: bytes, *, transaction: bytes
) -> tuple[Session, bytes] | None:
    """Check the reader's answer: the session and the card's own answer return, None for another key."""
    plain = decrypt(key, ZEROS, text)
    theirs, turned = plain[:BLOCK], plain[BLOCK:]
    ours = challenge.random
    if turned != ours[1:] + ours[:1]:
        return None
    mixed = bytes(a ^ b for a, b in zip(theirs[2:8], ours[:6], strict=True))
    context = b"\x00\x01\x00\x80" + theirs[:2] + mixed + ours[6:] + theirs[8:]
    session = Session(
        challenge.key_number, mac(key, b"\xa5\x5a" + context), mac(key, b"\x5a\xa5" + context), transaction
    )
    return session, encrypt(key, ZEROS, transaction + theirs[1:] + theirs[:1] + bytes(12))


def checksum(key: bytes) -> bytes:
    """Make the CRC32 by which ChangeKey is checked."""
    return (zlib.crc32(key) ^ 0xFFFFFFFF).to_bytes(4, "little")


def encrypt(key: bytes, iv: bytes, plain: bytes) -> bytes:
    """Encrypt whole blocks by AES-CBC."""
    return Cipher(algorithms.AES128(key), modes.CBC(iv)).encryptor().update(plain)


def decrypt(key: bytes, iv: bytes, text: bytes) -> bytes:
    """Decrypt whole blocks by AES-CBC."""
    return Cipher(algorithms.AES128(key), modes.CBC(iv)).decryptor().update(text)


def mac(key: bytes, text: bytes) -> bytes:
    """Make the 16 bytes of AES-CMAC."""
    made = CMAC(algorithms.AES128(key))
    made.update(text)
    return made.finalize()
