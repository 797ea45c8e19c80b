"""What a terminal may do by itself, in the words of the terminal API.

Knows limits in minor units; must not know how they are told or kept by an agent.
"""

from __future__ import annotations

from typing import Any

from prepaid.stores.attestation import list_approved
from prepaid.stores.models import Terminal

POLICY_VERSION = 1
MINIMUM_AGENT_VERSION = "0.1.0"
# Bounded offline is not offered yet: a terminal that cannot reach the site approves nothing.
_STAND_IN = {"per_transaction": 0, "per_card": 0, "per_terminal": 0, "count": 0, "age_s": 0}


def policy_of(terminal: Terminal) -> dict[str, Any]:
    """Give a terminal's policy: stand-in limits, the amount above which a card is challenged, versions.

    `challenge_floor` is in minor units of the store's currency; null means never.
    """
    return {
        "version": POLICY_VERSION,
        "currency": terminal.store.currency,
        "stand_in": {"enabled": False, **_STAND_IN},
        "challenge_floor": None,
        "minimum_agent_version": MINIMUM_AGENT_VERSION,
        "approved_files_hashes": list_approved(terminal.agent_version),
    }
