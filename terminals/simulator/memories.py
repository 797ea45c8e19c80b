"""What virtual cards keep of a personalisation: it outlives the program as a card's memory the field.

Knows one file; must not know frames. Whoever holds the lock of the counters beside it may write it.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from terminals.errors import StateError
from terminals.simulator.desfire import Desfire
from terminals.simulator.felica_lite_s import FelicaLiteS
from terminals.simulator.ntag424 import Ntag424
from terminals.simulator.ntag424_files import NDEF_FILE
from terminals.state import write_durably


class Memory(msgspec.Struct, forbid_unknown_fields=True):
    """What differs from the file of cards: keys and the address of an NTAG 424 DNA, blocks, applications."""

    keys: dict[int, bytes] = {}
    versions: dict[int, int] = {}
    content: bytes = b""
    settings: bytes = b""
    blocks: dict[int, bytes] = {}
    applications: dict[str, tuple[bytes, int]] = {}


class Memories:
    """Memories by UID in one file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._kept = msgspec.json.decode(path.read_bytes(), type=dict[str, Memory])
        except FileNotFoundError:
            self._kept = {}
        except (OSError, msgspec.MsgspecError) as error:
            raise StateError("SW-STATE-01", f"{path} cannot be read: {error}") from error

    def keep_ntag424(self, card: Ntag424) -> None:
        """Keep an NTAG 424 DNA as it is; on the disk when this returns."""
        file = card.files[NDEF_FILE]
        settings = file.settings()
        self._keep(
            card.uid,
            # The size, which stands in what a card tells of a file, is not set with it.
            Memory(card.keys, card.versions, file.content, settings[1:4] + settings[7:]),
        )

    def recall_ntag424(self, card: Ntag424) -> None:
        """Put back what a card kept."""
        memory = self._kept.get(card.uid.hex())
        if memory is None:
            return
        card.keys, card.versions = dict(memory.keys), dict(memory.versions)
        card.files[NDEF_FILE].content = memory.content
        card.files[NDEF_FILE].take_settings(memory.settings)

    def keep_felica(self, card: FelicaLiteS) -> None:
        """Keep a FeliCa Lite-S as it is; on the disk when this returns."""
        self._keep(card.uid, Memory(blocks=card.blocks))

    def recall_felica(self, card: FelicaLiteS) -> None:
        """Put back what a card kept."""
        memory = self._kept.get(card.uid.hex())
        if memory is not None:
            card.blocks |= memory.blocks

    def keep_desfire(self, card: Desfire) -> None:
        """Keep a DESFire as it is; on the disk when this returns."""
        self._keep(
            card.uid, Memory(applications={name.hex(): kept for name, kept in card.applications.items()})
        )

    def recall_desfire(self, card: Desfire) -> None:
        """Put back what a card kept."""
        memory = self._kept.get(card.uid.hex())
        if memory is not None:
            card.applications = {bytes.fromhex(name): kept for name, kept in memory.applications.items()}

    def _keep(self, uid: bytes, memory: Memory) -> None:
        self._kept[uid.hex()] = memory
        write_durably(self._path, msgspec.json.encode(self._kept))
