"""Sony FeliCa Lite-S: polling, and reading its open blocks.

Knows the frames of JIS X 6319-4 that readers identify and read it by.
"""

from __future__ import annotations

from terminals.simulator.ndef import uri_message

LITE_SYSTEM, NDEF_SYSTEM = bytes.fromhex("88B4"), bytes.fromhex("12FC")
# The second byte says Lite-S; the rest are times to wait, here the longest, for readers on a busy machine.
PATIENT_PMM = bytes.fromhex("00F1FFFFFFFFFFFF")
READ_ONLY_SERVICE = bytes.fromhex("0b00")
BLOCK_BYTES = 16
USER_BLOCKS = 14
ID_BLOCK, MEMORY_CONFIGURATION_BLOCK = 0x82, 0x88
BLOCKS_PER_READ = 4

POLLING, READ_WITHOUT_ENCRYPTION = 0x00, 0x06
OK = b"\0\0"
ILLEGAL_BLOCK_LIST = b"\x01\xa8"
ILLEGAL_SERVICE = b"\x01\xa6"


class FelicaLiteS:
    """A card with one URI record; `uid` is its IDm of 8 bytes."""

    letter = "F"
    technology = "felica_lite_s"

    def __init__(
        self, *, number: int, label: str, uid: bytes, uri: str = "", pmm: bytes = PATIENT_PMM
    ) -> None:
        self.number = number
        self.label = label
        self.uid = uid
        self._pmm = pmm
        self._blocks = _blocks(uid, uri)

    def power_off(self) -> None:
        """Lose the field; nothing of this card lives by its power."""

    def answer(self, bitrate: str, frame: bytes) -> bytes | None:
        """Answer one frame; None where the card stays silent."""
        if bitrate not in {"212F", "424F"} or len(frame) < 6 or frame[0] != len(frame):
            return None
        if frame[1] == POLLING and len(frame) == 6:
            return self._answer_polling(frame[2:4], request=frame[4])
        if frame[1] == READ_WITHOUT_ENCRYPTION and frame[2:10] == self.uid:
            return _framed(READ_WITHOUT_ENCRYPTION, self.uid + self._read(frame[10:]))
        return None

    def _answer_polling(self, asked: bytes, *, request: int) -> bytes | None:
        for system in (LITE_SYSTEM, NDEF_SYSTEM):
            if asked[0] in {0xFF, system[0]} and asked[1] in {0xFF, system[1]}:
                return _framed(POLLING, self.uid + self._pmm + (system if request == 1 else b""))
        return None

    def _read(self, command: bytes) -> bytes:
        if len(command) < 4 or command[0] != 1 or command[1:3] != READ_ONLY_SERVICE:
            return ILLEGAL_SERVICE
        count, numbers = command[3], command[4:]
        if not 1 <= count <= BLOCKS_PER_READ or len(numbers) != 2 * count:
            return ILLEGAL_BLOCK_LIST
        blocks = [self._blocks.get(numbers[2 * index + 1]) for index in range(count)]
        if any(code != 0x80 for code in numbers[::2]) or None in blocks:
            return ILLEGAL_BLOCK_LIST
        return OK + bytes([count]) + b"".join(block for block in blocks if block is not None)


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
    blocks[ID_BLOCK] = uid.ljust(BLOCK_BYTES, b"\0")
    blocks[MEMORY_CONFIGURATION_BLOCK] = bytes.fromhex("ffffff0107").ljust(BLOCK_BYTES, b"\0")
    return blocks
