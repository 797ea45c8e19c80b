"""The read counters of virtual cards, which outlive the program as a card's outlive the field.

Knows one file and its lock; must not know what a counter proves.
"""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
from typing import Self

from terminals.errors import StateError
from terminals.state import write_durably


class Counters:
    """Counters by UID in one file, driven by one program at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = os.open(
            path.with_name(f".{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
        )
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._counts = self._read()
        except BlockingIOError as error:
            self.close()
            raise StateError("SW-LOCK-01", f"another simulator drives the cards of {path}") from error
        except StateError:
            self.close()
            raise

    def at_least(self, uid: str, count: int) -> None:
        """Let a card begin no lower than this count."""
        self._counts[uid] = max(self._counts.get(uid, 0), count)

    def next(self, uid: str) -> int:
        """Raise a card's counter by one; it is on the disk when this returns."""
        self._counts[uid] = self._counts.get(uid, 0) + 1
        write_durably(self._path, json.dumps(self._counts, indent=1).encode())
        return self._counts[uid]

    def close(self) -> None:
        """Let another program drive these cards."""
        os.close(self._lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *details: object) -> None:
        self.close()

    def _read(self) -> dict[str, int]:
        try:
            counts = json.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise StateError("SW-STATE-01", f"{self._path} cannot be read: {error}") from error
        if not isinstance(counts, dict) or not all(isinstance(count, int) for count in counts.values()):
            raise StateError("SW-STATE-01", f"{self._path} does not hold counters")
        return counts
