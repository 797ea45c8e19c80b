"""What a terminal may do by itself: stand-in limits of its store, and the signed grants that carry them.

Knows limits in minor units, grants and their keys; must not know how an agent keeps them or what a card is.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from cryptography.exceptions import InvalidSignature
from django.db import transaction
from django.db.models import F

from prepaid.identifiers import uuid7
from prepaid.keys import site_keys
from prepaid.stores.attestation import list_approved
from prepaid.stores.models import StandIn, Store, Terminal
from terminals import advices, messages

POLICY_VERSION = 1
MINIMUM_AGENT_VERSION = "0.1.0"
_NOTHING: dict[str, Any] = {"per_transaction": 0, "per_card": 0, "per_terminal": 0, "count": 0, "age_s": 0}
# What lies between the clocks of a terminal and the site is no reason to doubt a grant.
CLOCK_OFF_S_MAX = 300
SIGNATURE_BYTES = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Stand-in limits in minor units of the store's currency; `age_s` is how long a grant is good."""

    per_transaction: int
    per_card: int
    per_terminal: int
    count: int
    age_s: int
    floor_sun: int
    floor_uid: int = 0
    floor_qr: int = 0


NOTHING_OFFLINE = Limits(per_transaction=0, per_card=0, per_terminal=0, count=0, age_s=0, floor_sun=0)


def policy_of(terminal: Terminal, *, at: datetime) -> dict[str, Any]:
    """Give a terminal's policy: stand-in limits with a new grant, the floor of the challenge, versions.

    `challenge_floor` is in minor units of the store's currency; null means never. A terminal that may not
    work gets no grant.
    """
    stand_in = StandIn.objects.filter(store_id=terminal.store_id).first()
    return {
        "version": _version(stand_in),
        "currency": terminal.store.currency,
        "stand_in": _told(stand_in, terminal, at),
        "challenge_floor": None,
        "minimum_agent_version": MINIMUM_AGENT_VERSION,
        "approved_files_hashes": list_approved(terminal.agent_version),
    }


def policy_version_of(terminal: Terminal) -> int:
    """Give the version of a terminal's policy, which rises with each change of its store's limits."""
    return _version(StandIn.objects.filter(store_id=terminal.store_id).first())


def set_stand_in(store: Store, limits: Limits, *, actor: str, at: datetime) -> StandIn:
    """Let a store's terminals approve within limits while they are offline; version and signing key change.

    All zero takes it back. Grants given before stay good for their age. Raises IntegrityError for limits that
    contradict each other (stores_stand_in_bounded).
    """
    values = {name: getattr(limits, name) for name in limits.__dataclass_fields__}
    values |= {"changed_at": at, "changed_by": actor}
    with transaction.atomic():
        made, is_new = StandIn.objects.get_or_create(store=store, defaults=values)
        if not is_new:
            StandIn.objects.filter(pk=store.pk).update(version=F("version") + 1, **values)
            made.refresh_from_db()
    return made


def read_grant(text: str, *, terminal_id: UUID) -> advices.Grant | None:
    """Read a grant that this site gave to this terminal; None for any other text. Says nothing of its age."""
    content, _, signature = text.partition(".")
    try:
        signed = _decoded(content)
        grant = msgspec.json.decode(signed, type=advices.Grant)
        key = site_keys().stand_in_key(grant.policy).public_key()
        key.verify(_decoded(signature), signed)
    except (InvalidSignature, binascii.Error, ValueError, msgspec.MsgspecError):
        return None
    return grant if grant.terminal == terminal_id else None


def is_covered(grant: advices.Grant, *, method: str, amount: messages.AmountMinor, currency: str) -> bool:
    """Say whether a grant allows one transaction by its amount and the way that the card was presented."""
    return (
        currency == grant.currency
        and amount <= grant.per_transaction
        and amount <= grant.floors.get(method, 0)
    )


def is_in_time(grant: advices.Grant, at: datetime) -> bool:
    """Say whether a grant was good at a moment, by clocks that may differ by five minutes."""
    age_s = at.timestamp() - grant.issued_at
    return -CLOCK_OFF_S_MAX <= age_s <= grant.age_s + CLOCK_OFF_S_MAX


def _version(stand_in: StandIn | None) -> int:
    return POLICY_VERSION + (stand_in.version if stand_in else 0)


def _told(stand_in: StandIn | None, terminal: Terminal, at: datetime) -> dict[str, Any]:
    if stand_in is None or not stand_in.count or terminal.state != Terminal.State.ACTIVE:
        return {"enabled": False, **_NOTHING}
    floors = {"sun": stand_in.floor_sun, "uid": stand_in.floor_uid, "qr": stand_in.floor_qr}
    grant = advices.Grant(
        id=uuid7(),
        terminal=terminal.id,
        policy=_version(stand_in),
        issued_at=int(at.timestamp()),
        age_s=stand_in.age_s,
        currency=terminal.store.currency,
        per_transaction=stand_in.per_transaction,
        per_card=stand_in.per_card,
        per_terminal=stand_in.per_terminal,
        count=stand_in.count,
        floors={method: floor for method, floor in floors.items() if floor},
    )
    limits = {name: getattr(stand_in, name) for name in _NOTHING}
    return {
        "enabled": True,
        **limits,
        "floors": grant.floors,
        "grant": sign_grant(grant),
        "fingerprint_key": site_keys().fingerprint_key.hex(),
    }


def sign_grant(grant: advices.Grant) -> str:
    """Write a grant as it is given to its terminal, under the key of its policy."""
    content = msgspec.json.encode(grant)
    signature = site_keys().stand_in_key(grant.policy).sign(content)
    return f"{_encoded(content)}.{_encoded(signature)}"


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
