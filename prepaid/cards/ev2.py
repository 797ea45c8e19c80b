"""The host's side of AuthenticateEV2First and of AES secure messaging: NTAG 424 DNA, DESFire EV2 and EV3.

Knows the bytes of NT4H2421Gx 9.1 and AN12196; must not know which key belongs to which card.
"""

from __future__ import annotations

import hmac
import zlib
from dataclasses import dataclass, replace

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from prepaid.cards.crypto import BLOCK_BYTES, cmac, truncate_mac
from prepaid.cards.errors import CardError

RANDOM_BYTES = 16
MAC_BYTES = 8
OK = b"\x91\x00"
MORE = b"\x91\xaf"
WRONG_KEY = b"\x91\xae"

AUTHENTICATE_FIRST, CONTINUE, CHANGE_KEY, CHANGE_FILE_SETTINGS = 0x71, 0xAF, 0xC4, 0x5F
GET_KEY_VERSION, GET_CARD_UID = 0x64, 0x51
_ENCRYPTION_LABEL, _MAC_LABEL = bytes.fromhex("a55a00010080"), bytes.fromhex("5aa500010080")
_COMMAND_IV, _RESPONSE_IV = bytes.fromhex("a55a"), bytes.fromhex("5aa5")


class AnswerForged(CardError):
    """A card's answer was not made with the key that the card should hold."""

    code = "NFC-CARD-02"


class KeyWrong(AnswerForged):
    """A card's answer was made with another key than the card's."""


class AnswerRefused(CardError):
    """A card answered a command with an error; `status` is its two bytes."""

    code = "card_answer"

    def __init__(self, status: bytes) -> None:
        super().__init__(f"The card answered {status.hex().upper() or 'nothing'}.")
        self.status = status


@dataclass(frozen=True, slots=True, repr=False)
class SecureMessaging:
    """An authenticated session: `counter` is of the next command. Each command gives the session after it."""

    key_encryption: bytes
    key_mac: bytes
    transaction: bytes
    counter: int = 0

    def after(self) -> SecureMessaging:
        """Give the session once a command was carried out."""
        return replace(self, counter=self.counter + 1)

    def mac_command(self, command: int, header: bytes = b"", content: bytes = b"") -> bytes:
        """Make a C-APDU in CommMode.MAC. Source: NT4H2421Gx 9.1.9."""
        return apdu(command, header + content + self._mac(command, header + content))

    def full_command(self, command: int, header: bytes, plain: bytes) -> bytes:
        """Make a C-APDU in CommMode.Full: `plain` is padded and encrypted. Source: NT4H2421Gx 9.1.10."""
        content = _encrypt(self.key_encryption, self._iv(_COMMAND_IV, self.counter), pad(plain))
        return apdu(command, header + content + self._mac(command, header + content))

    def read_mac_response(self, response: bytes) -> bytes:
        """Check the answer to this command and give its content. Raises AnswerRefused, AnswerForged."""
        body = expect(response, OK)
        content, mac = body[:-MAC_BYTES], body[-MAC_BYTES:]
        count = (self.counter + 1).to_bytes(2, "little")
        expected = truncate_mac(cmac(self.key_mac, OK[1:] + count + self.transaction + content))
        if not hmac.compare_digest(expected, mac):
            raise AnswerForged("The card's answer carries a wrong MAC.")
        return content

    def read_full_response(self, response: bytes) -> bytes:
        """Check and decrypt the answer to this session's command. Raises AnswerRefused, AnswerForged."""
        content = self.read_mac_response(response)
        if not content or len(content) % BLOCK_BYTES:
            raise AnswerForged("The card's answer is not of whole blocks.")
        plain = _decrypt(self.key_encryption, self._iv(_RESPONSE_IV, self.counter + 1), content)
        return plain.rstrip(b"\0").removesuffix(b"\x80")

    def change_key(self, number: int, *, new: bytes, version: int, old: bytes | None = None) -> bytes:
        """Make ChangeKey; `old` is given for another key than the authenticated one. Source: AN12196 5.16."""
        if old is None:
            return self.full_command(CHANGE_KEY, bytes([number]), new + bytes([version]))
        return self.full_command(
            CHANGE_KEY, bytes([number]), xor(new, old) + bytes([version]) + key_checksum(new)
        )

    def _mac(self, command: int, covered: bytes) -> bytes:
        count = self.counter.to_bytes(2, "little")
        return truncate_mac(cmac(self.key_mac, bytes([command]) + count + self.transaction + covered))

    def _iv(self, label: bytes, counter: int) -> bytes:
        text = label + self.transaction + counter.to_bytes(2, "little") + bytes(8)
        return _encrypt(self.key_encryption, bytes(BLOCK_BYTES), text)


def begin_authentication(key_number: int) -> bytes:
    """Make the first command of AuthenticateEV2First. Source: AN12196 5.6."""
    return apdu(AUTHENTICATE_FIRST, bytes([key_number, 0]))


def read_challenge(key: bytes, response: bytes) -> bytes:
    """Give the card's random number out of its answer to the first command. Raises AnswerRefused."""
    body = expect(response, MORE)
    if len(body) != RANDOM_BYTES:
        raise AnswerForged("The card's challenge is not of 16 bytes.")
    return _decrypt(key, bytes(BLOCK_BYTES), body)


def continue_authentication(key: bytes, *, random_a: bytes, random_b: bytes) -> bytes:
    """Make the second command: our random number, and the card's turned by one byte."""
    turned = random_b[1:] + random_b[:1]
    return apdu(CONTINUE, _encrypt(key, bytes(BLOCK_BYTES), random_a + turned))


def finish_authentication(
    key: bytes, response: bytes, *, random_a: bytes, random_b: bytes
) -> SecureMessaging:
    """Check that the card gave our random number back, and derive the session.

    Raises AnswerRefused (91AE where the card holds another key), AnswerForged. Source: NT4H2421Gx 9.1.5.
    """
    body = expect(response, OK)
    if len(body) != 2 * RANDOM_BYTES:
        raise AnswerForged("The card's answer is not of 32 bytes.")
    plain = _decrypt(key, bytes(BLOCK_BYTES), body)
    transaction, turned = plain[:4], plain[4:20]
    if not hmac.compare_digest(turned, random_a[1:] + random_a[:1]):
        raise KeyWrong("The card did not give our random number back.")
    return session_of(key, random_a=random_a, random_b=random_b, transaction=transaction)


def session_of(
    key: bytes, *, random_a: bytes, random_b: bytes, transaction: bytes, counter: int = 0
) -> SecureMessaging:
    """Derive an authenticated session anew from what was exchanged. Source: NT4H2421Gx 9.1.7."""
    context = random_a[:2] + xor(random_a[2:8], random_b[:6]) + random_b[6:] + random_a[8:]
    return SecureMessaging(
        key_encryption=cmac(key, _ENCRYPTION_LABEL + context),
        key_mac=cmac(key, _MAC_LABEL + context),
        transaction=transaction,
        counter=counter,
    )


def apdu(command: int, content: bytes = b"") -> bytes:
    """Wrap a native command as ISO/IEC 7816-4 does."""
    length = bytes([len(content)]) if content else b""
    return bytes([0x90, command, 0, 0]) + length + content + b"\0"


def expect(response: bytes, status: bytes) -> bytes:
    """Give an answer without its status, which must be this one. Raises AnswerRefused."""
    if response[-2:] != status:
        raise AnswerRefused(response[-2:])
    return response[:-2]


def key_checksum(key: bytes) -> bytes:
    """Make the CRC32 of ChangeKey: that of IEEE 802.3 without its last inversion, lowest byte first."""
    return (zlib.crc32(key) ^ 0xFFFFFFFF).to_bytes(4, "little")


def pad(plain: bytes) -> bytes:
    """Fill up to whole blocks with 80 00 ... (ISO/IEC 9797-1, method 2)."""
    length = (len(plain) // BLOCK_BYTES + 1) * BLOCK_BYTES
    return (plain + b"\x80").ljust(length, b"\0")


def xor(one: bytes, other: bytes) -> bytes:
    """Add two texts of one length bit by bit."""
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def _encrypt(key: bytes, iv: bytes, plain: bytes) -> bytes:
    return Cipher(algorithms.AES128(key), modes.CBC(iv)).encryptor().update(plain)


def _decrypt(key: bytes, iv: bytes, text: bytes) -> bytes:
    return Cipher(algorithms.AES128(key), modes.CBC(iv)).decryptor().update(text)
