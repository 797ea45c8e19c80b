"""The card's side of ISO/IEC 14443-4: RATS, blocks with numbers, chaining, retransmission, deselection.

Knows blocks; must not know what the commands inside them mean.
"""

from __future__ import annotations

from collections.abc import Callable

FRAME_SIZES = (16, 24, 32, 40, 48, 64, 96, 128, 256)
COMMAND_BYTES_MAX = 4096
DESELECT = 0xC2


class IsoDep:
    """One activation of a card, from RATS to deselection; `answer_command` turns an APDU into its answer."""

    def __init__(self, ats: bytes, answer_command: Callable[[bytes], bytes]) -> None:
        self._ats = ats
        self._answer_command = answer_command
        self._frame_size: int | None = None
        self._number = 1
        self._last: bytes | None = None
        self._received = bytearray()
        self._unsent = b""
        self.is_deselected = False

    def answer(self, block: bytes) -> bytes | None:
        """Answer one block; None where a card stays silent."""
        if not block:
            return None
        if self._frame_size is None:
            return self._begin(block)
        kind = block[0]
        if kind & 0xEE == 0x02:
            return self._take_information(block)
        if kind & 0xEE == 0xA2:
            return self._take_receipt(number=kind & 1, is_negative=bool(kind & 0x10))
        if kind == DESELECT:
            self.is_deselected = True
            return block
        # PPS, which readers may send before the first block, is agreed to as it stands.
        return block[:1] if kind & 0xF0 == 0xD0 and self._last is None else None

    def _begin(self, block: bytes) -> bytes | None:
        if block[0] != 0xE0 or len(block) != 2:
            return None
        self._frame_size = FRAME_SIZES[min(block[1] >> 4, 8)]
        return self._ats

    def _take_information(self, block: bytes) -> bytes | None:
        number, has_more = block[0] & 1, bool(block[0] & 0x10)
        if number == self._number:
            # The same block again: its command is not obeyed twice.
            return self._last
        if len(self._received) + len(block) > COMMAND_BYTES_MAX:
            return None
        self._number = number
        self._received += block[1:]
        if has_more:
            return self._sent(bytes([0xA2 | number]))
        command, self._received = bytes(self._received), bytearray()
        self._unsent = self._answer_command(command)
        return self._next_piece()

    def _take_receipt(self, *, number: int, is_negative: bool) -> bytes | None:
        if number == self._number:
            return self._last
        if is_negative:
            return bytes([0xA2 | self._number])
        if not self._unsent:
            return None
        self._number = number
        return self._next_piece()

    def _next_piece(self) -> bytes:
        assert self._frame_size is not None
        # One byte of each frame says what block it is, and two are its checksum.
        size = self._frame_size - 3
        piece, self._unsent = self._unsent[:size], self._unsent[size:]
        return self._sent(bytes([0x02 | (0x10 if self._unsent else 0) | self._number]) + piece)

    def _sent(self, block: bytes) -> bytes:
        self._last = block
        return block
