"""What a terminal holds of the site's, so that a spare can be put in use at once: policy, hot list.

Knows versions; must not know what stands in a policy or on the list.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from terminals import messages
from terminals.errors import TerminalError
from terminals.site import Site
from terminals.state import StateFolder, write_durably


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """The versions that are on this terminal's disk, and the policy itself."""

    policy_version: int = 0
    hot_list_version: int = 0
    policy: dict[str, Any] = {}
    at: datetime | None = None


def read_held(folder: StateFolder) -> Held:
    """Read what this terminal holds; nothing where the file is missing or damaged."""
    try:
        return msgspec.json.decode(_file(folder).read_bytes(), type=Held)
    except (OSError, msgspec.MsgspecError):
        return Held()


def synchronise(site: Site, folder: StateFolder, answer: messages.HeartbeatAnswer) -> Held:
    """Fetch the policy when the site has another than is held; tried again with the next heartbeat."""
    held = read_held(folder)
    if held.policy_version == answer.policy_version:
        return held
    try:
        reply = site.connection.call("GET", "terminals/policy")
        policy = msgspec.json.decode(reply.body, type=dict[str, Any])
    except (TerminalError, msgspec.MsgspecError):
        return held
    version = policy.get("version")
    fetched = Held(
        policy_version=version if isinstance(version, int) else 0,
        hot_list_version=held.hot_list_version,
        policy=policy,
        at=datetime.now(UTC),
    )
    write_durably(_file(folder), msgspec.json.encode(fetched))
    return fetched


def _file(folder: StateFolder) -> Path:
    return folder.path / "held.json"
