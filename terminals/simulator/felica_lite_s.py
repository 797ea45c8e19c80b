"""Sony FeliCa Lite-S: polling, reading and writing its blocks, and the MACs by which it proves its card key.

Knows the frames of JIS X 6319-4 and the blocks of Sony's user's manual; must not know where blocks are kept.
"""

from __future__ import annotations

from collections.abc import Callable

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes

from terminals.simulator.ndef import uri_message

LITE_SYSTEM, NDEF_SYSTEM = bytes.fromhex("88B4"), bytes.fromhex("12FC")
# The second byte says Lite-S; the rest are times to wait, here the longest, for readers on a busy machine.
PATIENT_PMM = bytes.fromhex("00F1FFFFFFFFFFFF")
READ_ONLY_SERVICE, READ_WRITE_SERVICE = bytes.fromhex("0b00"), bytes.fromhex("0900")
BLOCK_BYTES = 16
USER_BLOCKS = 14
RC, MAC, ID, D_ID, SER_C, SYS_C, CKV, CK, MC = 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88
WCNT, MAC_A, STATE = 0x90, 0x91, 0x92
BLOCKS_PER_READ = 4
BLANK_MC = bytes.fromhex("ffffff0107").ljust(BLOCK_BYTES, b"\0")

POLLING, READ_WITHOUT_ENCRYPTION, WRITE_WITHOUT_ENCRYPTION = 0x00, 0x06, 0x08
OK = b"\0\0"
ILLEGAL_BLOCK_LIST = b"\x01\xa8"
ILLEGAL_SERVICE = b"\x01\xa6"
# A block that may not be written, or not without a MAC that is right.
WRITE_REFUSED = b"\x01\xa8"
MAC_REFUSED = b"\x01\xb1"


class FelicaLiteS:
    """A card with one URI record; `uid` is its IDm of 8 bytes, `card_key` as a host knows it, else zeros.

    `keep` is called after each lasting change, before it is answered.
    """

    letter = "F"
    technology = "felica_lite_s"

    def __init__(
        self,
        *,
        number: int,
        label: str,
        uid: bytes,
        uri: str = "",
        pmm: bytes = PATIENT_PMM,
        card_key: bytes = bytes(BLOCK_BYTES),
        key_version: int = 0,
        is_locked: bool = False,
        keep: Callable[[FelicaLiteS], object] = id,
    ) -> None:
        self.number = number
        self.label = label
        self.uid = uid
        self._pmm = pmm
        self._keep = keep
        self.blocks = _blocks(uid, uri)
        self.blocks[D_ID] = uid + pmm
        self.blocks[CK] = _reversed_halves(card_key)
        self.blocks[CKV] = key_version.to_bytes(2, "little").ljust(BLOCK_BYTES, b"\0")
        if is_locked:
            self.blocks[MC] = BLANK_MC[:2] + b"\0" + BLANK_MC[3:5] + b"\x01" + BLANK_MC[6:]
        self.power_off()

    def power_off(self) -> None:
        """Lose the field, and with it the challenge and who proved themselves."""
        self._challenge: bytes | None = None
        self._is_authenticated = False

    def answer(self, bitrate: str, frame: bytes) -> bytes | None:
        """Answer one frame; None where the card stays silent."""
        if bitrate not in {"212F", "424F"} or len(frame) < 6 or frame[0] != len(frame):
            return None
        if frame[1] == POLLING and len(frame) == 6:
            return self._answer_polling(frame[2:4], request=frame[4])
        if frame[2:10] != self.uid:
            return None
        if frame[1] == READ_WITHOUT_ENCRYPTION:
            return _framed(READ_WITHOUT_ENCRYPTION, self.uid + self._read(frame[10:]))
        if frame[1] == WRITE_WITHOUT_ENCRYPTION:
            return _framed(WRITE_WITHOUT_ENCRYPTION, self.uid + self._write(frame[10:]))
        return None

    def _answer_polling(self, asked: bytes, *, request: int) -> bytes | None:
        for system in (LITE_SYSTEM, NDEF_SYSTEM):
            if asked[0] in {0xFF, system[0]} and asked[1] in {0xFF, system[1]}:
                return _framed(POLLING, self.uid + self._pmm + (system if request == 1 else b""))
        return None

    def _read(self, command: bytes) -> bytes:
        numbers = _numbers(command, READ_ONLY_SERVICE)
        if numbers is None:
            return ILLEGAL_SERVICE
        if not 1 <= len(numbers) <= BLOCKS_PER_READ:
            return ILLEGAL_BLOCK_LIST
        shown = b""
        for number in numbers:
            block = self._mac_block(shown) if number == MAC else self._shown(number)
            if block is None:
                return ILLEGAL_BLOCK_LIST
            shown += block
        return OK + bytes([len(numbers)]) + shown

    def _shown(self, number: int) -> bytes | None:
        if number in {CK, RC}:
            # They are there, and are never told.
            return bytes(BLOCK_BYTES)
        if number == STATE:
            return bytes([self._is_authenticated]).ljust(BLOCK_BYTES, b"\0")
        return self.blocks.get(number)

    def _mac_block(self, shown: bytes) -> bytes:
        """Make the block that proves what was read before it, under the challenge that was written."""
        if self._challenge is None or not shown:
            return bytes(BLOCK_BYTES)
        return _mac(shown, self._session_key(), self._challenge[:8]).ljust(BLOCK_BYTES, b"\0")

    def _write(self, command: bytes) -> bytes:
        numbers = _numbers(command, READ_WRITE_SERVICE)
        if numbers is None:
            return ILLEGAL_SERVICE
        content = command[4 + 2 * len(numbers) :]
        is_proved = len(numbers) == 2 and numbers[1] == MAC_A
        if len(numbers) not in {1, 2} or len(content) != len(numbers) * BLOCK_BYTES:
            return ILLEGAL_BLOCK_LIST
        number, block = numbers[0], content[:BLOCK_BYTES]
        if len(numbers) == 2 and not (is_proved and self._proves(number, block, content[BLOCK_BYTES:])):
            return MAC_REFUSED
        if number == RC:
            self._challenge, self._is_authenticated = _reversed_halves(block), False
            return OK
        if number == STATE and is_proved:
            self._is_authenticated = block[0] == 1
            return self._count()
        if not self._may_write(number, is_proved=is_proved):
            return WRITE_REFUSED
        self.blocks[number] = block
        return self._count()

    def _may_write(self, number: int, *, is_proved: bool) -> bool:
        memory = self.blocks[MC]
        if number < USER_BLOCKS:
            return bool(int.from_bytes(memory[:2], "little") >> number & 1)
        if memory[2] == 0xFF:
            return number in {ID, SER_C, CKV, CK, MC}
        return is_proved and memory[5] == 1 and number in {CKV, CK}

    def _proves(self, number: int, block: bytes, mac_a: bytes) -> bool:
        """Check the MAC of a writing, which covers the write counter that it names."""
        count = self.blocks[WCNT][:3]
        if self._challenge is None or mac_a[8:11] != count:
            return False
        key = self._session_key()
        covered = count + b"\0" + bytes([number, 0, MAC_A, 0]) + block
        return _mac(covered, key[8:] + key[:8], self._challenge[:8]) == mac_a[:8]

    def _count(self) -> bytes:
        """Count a writing."""
        count = int.from_bytes(self.blocks[WCNT][:3], "little") + 1
        self.blocks[WCNT] = count.to_bytes(3, "little").ljust(BLOCK_BYTES, b"\0")
        self._keep(self)
        return OK

    def _session_key(self) -> bytes:
        assert self._challenge is not None
        return _encrypt(_reversed_halves(self.blocks[CK]), bytes(8), self._challenge)


def _numbers(command: bytes, service: bytes) -> list[int] | None:
    """Read a list of blocks of one service; None where it is of another, or not well formed."""
    if len(command) < 4 or command[0] != 1 or command[1:3] != service:
        return None
    pairs = command[4 : 4 + 2 * command[3]]
    if len(pairs) != 2 * command[3] or any(code != 0x80 for code in pairs[::2]):
        return []
    return list(pairs[1::2])


def _mac(content: bytes, key: bytes, challenge: bytes) -> bytes:
    turned = b"".join(content[start : start + 8][::-1] for start in range(0, len(content), 8))
    return _encrypt(key, challenge, turned)[:-9:-1]


def _encrypt(key: bytes, iv: bytes, plain: bytes) -> bytes:
    return Cipher(TripleDES(key + key[:8]), modes.CBC(iv)).encryptor().update(plain)


def _reversed_halves(block: bytes) -> bytes:
    return block[7::-1] + block[15:7:-1]


def _framed(command: int, content: bytes) -> bytes:
    return bytes([len(content) + 2, command + 1]) + content


def _blocks(uid: bytes, uri: str) -> dict[int, bytes]:
    message = uri_message(uri) if uri else b""
    if len(message) > (USER_BLOCKS - 1) * BLOCK_BYTES:
        raise ValueError(f"the address is too long for the card: {uri}")
    attributes = bytes([0x10, BLOCKS_PER_READ, 1, 0, USER_BLOCKS - 1, 0, 0, 0, 0, 0, 1])
    attributes += len(message).to_bytes(3)
    memory = attributes + sum(attributes).to_bytes(2) + message.ljust((USER_BLOCKS - 1) * BLOCK_BYTES, b"\0")
    blocks = {index: memory[16 * index : 16 * index + 16] for index in range(USER_BLOCKS)}
    zeros = dict.fromkeys((SER_C, SYS_C, CKV, CK, WCNT), bytes(BLOCK_BYTES))
    return blocks | zeros | {ID: uid.ljust(BLOCK_BYTES, b"\0"), MC: BLANK_MC}
