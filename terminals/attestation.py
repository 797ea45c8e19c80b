"""What this agent is: a hash of its installed files and of its settings, told with each heartbeat.

Knows files and what the site last accepted; must not know the journal or a screen. A tripwire, not a proof: a
program that lies about itself can tell any hash (ADR 0066).
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from terminals.network import is_own_host
from terminals.state import Enrolment, StateFolder, write_durably

INSTALLED = Path(__file__).parent
SUFFIXES = {".py", ".sql", ".txt", ".json", ".toml"}
SETTINGS_LETTERS = 32


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """What the site saw of this agent when it last let it work."""

    files_hash: str
    at: datetime


def hash_of(enrolment: Enrolment, installed: Path = INSTALLED) -> str:
    """Give `FILES.SETTINGS`: SHA-256 of the files, the same wherever this version is, then of the settings.

    The settings are those that decide where value goes and how cards are read: site, store, currency, reader.
    """
    return f"{hash_of_files(installed)}.{hash_of_settings(enrolment)}"


def hash_of_files(installed: Path = INSTALLED) -> str:
    """Hash the agent's files by name and content, in the order of their names; 64 hex letters."""
    whole = hashlib.sha256()
    for path in sorted(installed.rglob("*")):
        if path.suffix in SUFFIXES and "__pycache__" not in path.parts and path.is_file():
            name = path.relative_to(installed).as_posix()
            whole.update(f"{name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return whole.hexdigest()


def hash_of_settings(enrolment: Enrolment) -> str:
    """Hash the settings that nobody may change unseen; 32 hex letters.

    The name is none of them, for a standby takes another; nor are ports of this very machine, which a trial
    draws.
    """
    is_here = is_own_host(urlsplit(enrolment.site).hostname or "")
    kept = (
        "this machine" if is_here else enrolment.site,
        str(enrolment.terminal_id),
        enrolment.store_code,
        enrolment.currency,
        enrolment.timezone,
        "udp" if enrolment.reader.startswith("udp:") else enrolment.reader,
    )
    return hashlib.sha256("\0".join(kept).encode()).hexdigest()[:SETTINGS_LETTERS]


def read_accepted(folder: StateFolder) -> Accepted | None:
    """Read what the site last accepted; None before the first heartbeat, or where the file is damaged."""
    try:
        return msgspec.json.decode(_file(folder).read_bytes(), type=Accepted)
    except (OSError, msgspec.MsgspecError):
        return None


def save_accepted(folder: StateFolder, files_hash: str, at: datetime) -> None:
    """Keep what the site accepted, unless it is kept already."""
    known = read_accepted(folder)
    if known is None or known.files_hash != files_hash:
        write_durably(_file(folder), msgspec.json.encode(Accepted(files_hash=files_hash, at=at)))


def differs(folder: StateFolder, enrolment: Enrolment) -> bool:
    """Tell whether this agent is another than the one that the site last let work."""
    known = read_accepted(folder)
    return known is not None and known.files_hash != hash_of(enrolment)


def _file(folder: StateFolder) -> Path:
    return folder.path / "attestation.json"
