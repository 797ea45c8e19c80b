"""FeliCa Lite-S from the host's side: its frames, its blocks and the MAC over a random challenge.

Knows the bytes of JIS X 6319-4 and of Sony's user's manual; must not know which key belongs to which card.
"""

from __future__ import annotations

import hmac

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes

from prepaid.cards.ev2 import AnswerForged, AnswerRefused, KeyWrong

BLOCK_BYTES = 16
IDM_BYTES = 8
RC, MAC, ID, CKV, CK, MC = 0x80, 0x81, 0x82, 0x86, 0x87, 0x88
SYSTEM_BLOCKS_BYTE, KEY_CHANGE_BYTE = 2, 5
IS_OPEN, IS_LOCKED = 0xFF, 0x00
_READ, _WRITE = 0x06, 0x08
_READ_SERVICE, _WRITE_SERVICE = bytes.fromhex("0b00"), bytes.fromhex("0900")
_OK = b"\0\0"


def read_blocks(idm: bytes, *blocks: int) -> bytes:
    """Make Read Without Encryption for these blocks, its own length in front."""
    numbers = b"".join(bytes([0x80, block]) for block in blocks)
    return _framed(bytes([_READ]) + idm + b"\x01" + _READ_SERVICE + bytes([len(blocks)]) + numbers)


def write_block(idm: bytes, block: int, content: bytes) -> bytes:
    """Make Write Without Encryption for one block of 16 bytes, its own length in front."""
    return _framed(bytes([_WRITE]) + idm + b"\x01" + _WRITE_SERVICE + bytes([1, 0x80, block]) + content)


def blocks_of(response: bytes, idm: bytes, *, count: int) -> list[bytes]:
    """Give the `count` blocks that a card answered a reading with. Raises AnswerRefused, AnswerForged."""
    body = _body_of(response, idm, _READ)
    content = body[1:]
    if not body or body[0] != count or len(content) != count * BLOCK_BYTES:
        raise AnswerForged("The card's answer is not of the blocks that were asked for.")
    return [content[start : start + BLOCK_BYTES] for start in range(0, len(content), BLOCK_BYTES)]


def expect_written(response: bytes, idm: bytes) -> None:
    """Check that a card took a block. Raises AnswerRefused, AnswerForged."""
    _body_of(response, idm, _WRITE)


def reversed_halves(block: bytes) -> bytes:
    """Turn each half of 16 bytes around: the card takes its key and its challenge lowest byte first."""
    return block[7::-1] + block[15:7:-1]


def session_key(card_key: bytes, challenge: bytes) -> bytes:
    """Derive the key of one challenge, 16 bytes as is the challenge."""
    return _encrypt(card_key, bytes(8), challenge)


def mac_of(content: bytes, *, card_key: bytes, challenge: bytes) -> bytes:
    """Make the 8 bytes that block 81 shows when it is read behind `content`, which is of whole blocks."""
    turned = b"".join(content[start : start + 8][::-1] for start in range(0, len(content), 8))
    return _encrypt(session_key(card_key, challenge), challenge[:8], turned)[:-9:-1]


def check_mac(content: bytes, mac_block: bytes, *, card_key: bytes, challenge: bytes) -> None:
    """Check the MAC that a card gave behind `content`. Raises AnswerForged."""
    expected = mac_of(content, card_key=card_key, challenge=challenge)
    if not hmac.compare_digest(expected, mac_block[:8]):
        raise KeyWrong("The card's MAC was not made with its key.")


def _body_of(response: bytes, idm: bytes, command: int) -> bytes:
    """Give what follows the two status bytes of an answer."""
    if len(response) < 12 or response[0] != len(response) or response[1] != command + 1:
        raise AnswerRefused(response[-2:])
    if response[2:10] != idm:
        raise AnswerForged("Another card answered.")
    if response[10:12] != _OK:
        raise AnswerRefused(response[10:12])
    return response[12:]


def _framed(content: bytes) -> bytes:
    return bytes([len(content) + 1]) + content


def _encrypt(key: bytes, iv: bytes, plain: bytes) -> bytes:
    """Encrypt with two-key triple DES, written as three keys, the first one twice."""
    return Cipher(TripleDES(key + key[:8]), modes.CBC(iv)).encryptor().update(plain)
