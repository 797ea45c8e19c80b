"""Where one code ends and the next begins in a stream of bytes.

Knows the ends of codes; must not know a device, nor what a code stands for.
"""

from __future__ import annotations

from terminals.scanners import CODE_LENGTH_MAX

END_BYTES = b"\r\n"


class Splitter:
    """Cuts a stream of bytes into codes; what is longer than any code is dropped whole."""

    def __init__(self) -> None:
        self._begun = bytearray()
        self._is_too_long = False
        self._whole: list[str] = []

    @property
    def has_begun(self) -> bool:
        """Tell whether a code has begun that has no end yet."""
        return bool(self._begun) or self._is_too_long

    def feed(self, received: bytes) -> None:
        """Take bytes as they came."""
        for byte in received:
            if byte in END_BYTES:
                self.end()
            elif len(self._begun) >= CODE_LENGTH_MAX:
                self._is_too_long = True
            else:
                self._begun.append(byte)

    def end(self) -> None:
        """End the code that has begun, as an end byte or a silence does."""
        text = self._begun.decode("utf-8", errors="replace").strip()
        if text and not self._is_too_long:
            self._whole.append(text)
        self._begun.clear()
        self._is_too_long = False

    def next(self) -> str | None:
        """Take the first whole code; None where there is none yet."""
        return self._whole.pop(0) if self._whole else None
