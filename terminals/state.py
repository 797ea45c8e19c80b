"""The state folder: the terminal's private key, what its enrolment said, and where journal and lock lie.

Knows files and their modes; must not know the site's API beyond what enrolment answered.
"""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from terminals.errors import StateError

FOLDER_DEFAULT = "~/.prepaid-terminal"
READER_DEFAULT = "usb"


class Enrolment(msgspec.Struct, frozen=True, kw_only=True):
    """What a terminal keeps of its enrolment; `site` is the address up to and without `/api/v1`."""

    site: str
    terminal_id: UUID
    name: str
    store_code: str
    store_name: str
    currency: str
    timezone: str
    policy: dict[str, Any]
    enrolled_at: datetime
    reader: str = READER_DEFAULT
    # Empty where no scanner stands beside the reader.
    scanner: str = ""


class SiteNotes(msgspec.Struct, frozen=True, kw_only=True):
    """What the site said last: its address when its name still resolved, and its wishes."""

    address: str | None = None
    minimum_agent_version: str = "0"
    locked: bool = False
    seen_at: datetime | None = None
    is_slow: bool = False
    standby: bool = False


class StandInNotes(msgspec.Struct, frozen=True, kw_only=True):
    """What the site said last about standing in: the grant in force, and the key of the hot list."""

    synced_at: datetime | None = None
    policy_version: int = 0
    grant: str | None = None
    fingerprint_key: str | None = None


class HotListNotes(msgspec.Struct, frozen=True, kw_only=True):
    """Cards that must not be accepted offline, by their fingerprints in hex, as of a version."""

    version: int = 0
    fingerprints: frozenset[str] = frozenset()


class DeviceNotes(msgspec.Struct, frozen=True, kw_only=True):
    """How reader or scanner is, told by the agent that holds it; `code` is empty while it works."""

    name: str
    code: str = ""
    detail: str = ""


class StateFolder:
    """One terminal's folder, readable by its user alone."""

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().absolute()
        self.key_file = self.path / "key.pem"
        self.enrolment_file = self.path / "terminal.json"
        self.journal_file = self.path / "journal.sqlite"
        self.site_file = self.path / "site.json"
        self.reader_file = self.path / "reader.json"
        self.scanner_file = self.path / "scanner.json"
        self.stand_in_file = self.path / "stand-in.json"
        self.hot_list_file = self.path / "hot-list.json"
        self.lock_file = self.path / "agent.lock"
        self.log_file = self.path / "agent.log"
        self.request_file = self.path / "give-way"

    def make(self) -> None:
        """Make the folder with mode 0700 where it is missing; StateError when that fails."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            said, said_zh = f"cannot make {self.path}", f"无法创建 {self.path}"
            why = error.strerror
            raise StateError("SW-STATE-01", f"{said}: {why}", detail_zh=f"{said_zh}（{why}）") from error

    def is_enrolled(self) -> bool:
        """Tell whether this folder belongs to an enrolled terminal."""
        return self.enrolment_file.exists()

    def enrolment(self) -> Enrolment:
        """Read the enrolment; StateError SW-ENROL-01 where there is none, SW-STATE-01 where it is damaged."""
        try:
            return msgspec.json.decode(self.enrolment_file.read_bytes(), type=Enrolment)
        except FileNotFoundError as error:
            said, said_zh = f"no enrolment in {self.path}", f"{self.path} 中没有登记信息"
            raise StateError("SW-ENROL-01", said, detail_zh=said_zh) from error
        except (OSError, msgspec.MsgspecError) as error:
            said, said_zh = f"{self.enrolment_file}: {error}", f"{self.enrolment_file} 无法读取（{error}）"
            raise StateError("SW-STATE-01", said, detail_zh=said_zh) from error

    def save_enrolment(self, enrolment: Enrolment) -> None:
        """Keep what enrolment answered."""
        write_durably(self.enrolment_file, msgspec.json.format(msgspec.json.encode(enrolment)))

    def private_key(self) -> Ed25519PrivateKey:
        """Read the terminal's key; StateError where it is missing or no Ed25519 key."""
        try:
            key = load_pem_private_key(self.key_file.read_bytes(), password=None)
        except FileNotFoundError as error:
            said, said_zh = f"no key in {self.path}", f"{self.path} 中没有密钥"
            raise StateError("SW-ENROL-01", said, detail_zh=said_zh) from error
        except (OSError, ValueError) as error:
            said, said_zh = f"{self.key_file} cannot be read", f"{self.key_file} 无法读取"
            raise StateError("SW-STATE-01", said, detail_zh=said_zh) from error
        if not isinstance(key, Ed25519PrivateKey):
            said, said_zh = f"{self.key_file} is not an Ed25519 key", f"{self.key_file} 不是 Ed25519 密钥"
            raise StateError("SW-STATE-01", said, detail_zh=said_zh)
        return key

    def make_key(self) -> Ed25519PrivateKey:
        """Make a new key in place of an earlier one and keep it, readable by this user alone."""
        key = Ed25519PrivateKey.generate()
        write_durably(self.key_file, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return key

    def site_notes(self) -> SiteNotes:
        """Read what the site said last; nothing known where the file is missing or damaged."""
        try:
            return msgspec.json.decode(self.site_file.read_bytes(), type=SiteNotes)
        except (OSError, msgspec.MsgspecError):
            return SiteNotes()

    def save_site_notes(self, notes: SiteNotes) -> None:
        """Keep what the site said last."""
        write_durably(self.site_file, msgspec.json.encode(notes))

    def stand_in_notes(self) -> StandInNotes:
        """Read what the site said about standing in; nothing is allowed where it is missing or damaged."""
        try:
            return msgspec.json.decode(self.stand_in_file.read_bytes(), type=StandInNotes)
        except (OSError, msgspec.MsgspecError):
            return StandInNotes()

    def save_stand_in_notes(self, notes: StandInNotes) -> None:
        """Keep what the site said about standing in."""
        write_durably(self.stand_in_file, msgspec.json.encode(notes))

    def hot_list(self) -> HotListNotes:
        """Read the hot list; an empty one of version 0, which is asked for anew, where it is damaged."""
        try:
            return msgspec.json.decode(self.hot_list_file.read_bytes(), type=HotListNotes)
        except (OSError, msgspec.MsgspecError):
            return HotListNotes()

    def save_hot_list(self, notes: HotListNotes) -> None:
        """Keep the hot list."""
        write_durably(self.hot_list_file, msgspec.json.encode(notes))

    def reader_notes(self) -> DeviceNotes | None:
        """Read how the reader is, as the agent that holds it wrote down."""
        return _read_device(self.reader_file)

    def save_reader_notes(self, notes: DeviceNotes) -> None:
        """Keep how the reader is."""
        write_durably(self.reader_file, msgspec.json.encode(notes))

    def scanner_notes(self) -> DeviceNotes | None:
        """Read how the scanner is, as the agent that holds it wrote down."""
        return _read_device(self.scanner_file)

    def save_scanner_notes(self, notes: DeviceNotes) -> None:
        """Keep how the scanner is."""
        write_durably(self.scanner_file, msgspec.json.encode(notes))


def _read_device(file: Path) -> DeviceNotes | None:
    try:
        return msgspec.json.decode(file.read_bytes(), type=DeviceNotes)
    except (OSError, msgspec.MsgspecError):
        return None


def write_durably(path: Path, content: bytes) -> None:
    """Put content in place of a file, whole or not at all, mode 0600, on the disk when this returns."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise StateError("SW-STATE-01", f"cannot write {path}: {error.strerror}") from error
