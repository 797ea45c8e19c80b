"""A recording site that lets a terminal stand in, and a way to take it off the network."""

from __future__ import annotations

import time
from typing import Any

from terminals.advices import Grant, write_grant
from terminals.identifiers import uuid7
from terminals.stand_in import Identity
from terminals.terminal import Terminal
from tests.terminals.recording_site import RecordingSite

FINGERPRINT_KEY = bytes(range(32))
LIMITS: dict[str, Any] = {
    "age_s": 3_600,
    "per_transaction": 5_000,
    "per_card": 8_000,
    "per_terminal": 12_000,
    "count": 5,
    "floors": {"sun": 5_000, "qr": 1_000},
}


def grant(**changed: Any) -> str:
    """Write a grant as the site would; its seal is the site's to check."""
    values: dict[str, Any] = {
        "id": uuid7(),
        "policy": 2,
        "issued_at": int(time.time()),
        "currency": "CNY",
    }
    return write_grant(Grant(**values | LIMITS | changed).encode(), b"not of the site.")


def allow(site: RecordingSite, *, hot: tuple[Identity, ...] = (), **changed: Any) -> None:
    """Let the site's terminal stand in, with these cards on the hot list."""
    told = {"enabled": True, "grant": grant(**changed), "fingerprint_key": FINGERPRINT_KEY.hex()}
    site.policy = {"version": 2, "stand_in": told}
    added = [identity.fingerprint(FINGERPRINT_KEY) for identity in hot]
    site.hot_list = {"version": 7, "full": True, "added": added, "removed": []}


def cut(terminal: Terminal) -> None:
    """Take a terminal off the network: what it calls refuses the connection."""
    terminal.connection.close()
    terminal.connection.port = 1


def reconnect(terminal: Terminal, site: RecordingSite) -> None:
    terminal.connection.port = site.port
