"""Stand-in: what this terminal may approve by itself while the site cannot be reached, and when it may not.

Knows grants, the hot list and the exposure; must not know how a card was read or how the site is called.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from terminals import advices, messages
from terminals.advices import Grant
from terminals.journal import Entry, Journal
from terminals.readers.technologies import is_random
from terminals.state import HotListNotes, StandInNotes, StateFolder

# What may wait for the site, whatever a grant says: beyond it nothing more is sold offline (SW-QUE-01).
QUEUE_COUNT_MAX = 5_000
QUEUE_AGE_MAX = timedelta(days=7)
CLOCK_OFF_S_MAX = 300
RENEW_AFTER = timedelta(minutes=10)
MARK_BYTES = 16
# What an upload holds at most, well below the size that the site takes.
ADVICES_BYTES_MAX = 200 * 1024


@dataclass(frozen=True, slots=True)
class Identity:
    """Which card was presented, as far as the terminal can tell: a kind, and its UID or digits."""

    kind: str
    value: bytes

    def fingerprint(self, key: bytes) -> str:
        """Give what the hot list knows the card by, in hex (site: keys.fingerprint)."""
        return hmac.digest(key, self.kind.encode() + b":" + self.value, hashlib.sha256)[:4].hex()

    def mark(self, secret: bytes) -> str:
        """Give what this terminal's journal knows the card by, in hex."""
        return hmac.digest(secret, self.kind.encode() + b":" + self.value, hashlib.sha256)[:MARK_BYTES].hex()


def identity_of(card: messages.Card, uid: str | None) -> Identity | None:
    """Tell which card is presented; None where nothing of it stays the same, such as a random UID.

    `uid` is what the air showed with a SUN message, in hex.
    """
    match card:
        case messages.SunCard() | messages.TokenCard():
            return _of_uid(uid)
        case messages.UidCard():
            return _of_uid(card.uid)
        case messages.NumberCard():
            return Identity("number", _digits(card.number))
        case messages.QrCard():
            return Identity("qr", _digits(card.code))
        case _:
            return None


@dataclass(frozen=True, slots=True)
class Decision:
    """Approved under a grant, or not, for a reason that is a code of faults.py."""

    reason: str | None
    grant: Grant | None = None
    text: str = ""


class StandIn:
    """The grant that this terminal holds, and whether it covers a purchase."""

    def __init__(self, folder: StateFolder, journal: Journal) -> None:
        self._folder = folder
        self._journal = journal

    @property
    def notes(self) -> StandInNotes:
        """What the site said last about standing in."""
        return self._folder.stand_in_notes()

    def is_allowed(self) -> bool:
        """Tell whether the site allows this terminal to stand in at all."""
        return self.notes.grant is not None

    def decide(self, entry: Entry, card: messages.Card, uid: str | None, at: datetime) -> Decision:
        """Decide whether a purchase is approved offline: only what the grant covers is.

        `uid` is what the air showed with a SUN message, in hex.
        """
        notes = self.notes
        found = advices.read_grant(notes.grant) if notes.grant else None
        if found is None or notes.grant is None or notes.fingerprint_key is None:
            return Decision("offline_not_allowed")
        grant, identity = found[0], identity_of(card, uid)
        floor = grant.floors.get(str(card.__struct_config__.tag), 0)
        if self._folder.site_notes().locked:
            return Decision("SW-TAMP-01")
        if self.is_queue_full(at):
            return Decision("SW-QUE-01")
        if self._is_clock_back(at):
            return Decision("SW-CLK-01")
        if not -CLOCK_OFF_S_MAX <= at.timestamp() - grant.issued_at <= grant.age_s:
            return Decision("offline_too_long")
        if identity is None or not floor or entry.currency != grant.currency:
            return Decision("offline_card_unchecked")
        if identity.fingerprint(bytes.fromhex(notes.fingerprint_key)) in self._folder.hot_list().fingerprints:
            return Decision("offline_card_hot")
        challenged_above = self._folder.enrolment().policy.get("challenge_floor")
        if challenged_above is not None and (entry.amount_minor or 0) > challenged_above:
            # Only the site can challenge a card.
            return Decision("offline_card_unchecked")
        over = self._over(entry.amount_minor or 0, grant, floor, identity)
        return Decision(over) if over else Decision(None, grant, notes.grant)

    def _over(self, amount_minor: int, grant: Grant, floor: int, identity: Identity) -> str | None:
        """Give the limit that an amount goes over, or None."""
        if amount_minor > min(floor, grant.per_transaction):
            return "offline_limit_single"
        count, amount, of_card = self._journal.stand_in_use(grant.id, identity.mark(self._journal.secret))
        if of_card + amount_minor > grant.per_card:
            return "offline_limit_card"
        if count >= grant.count or amount + amount_minor > grant.per_terminal:
            return "offline_limit_terminal"
        return None

    def _is_clock_back(self, at: datetime) -> bool:
        """Tell whether this clock went back since the site was heard or the last sale: no grant would age."""
        known = [self.notes.synced_at, self._journal.last_sold_offline_at()]
        return any(then is not None and (then - at).total_seconds() > CLOCK_OFF_S_MAX for then in known)

    def is_queue_full(self, at: datetime) -> bool:
        """Tell whether more waits for the site than may: 5,000 records, or one of seven days."""
        queue = self._journal.queue()
        return queue.count > QUEUE_COUNT_MAX or (
            queue.oldest_at is not None and at - queue.oldest_at >= QUEUE_AGE_MAX
        )

    def is_due(self, at: datetime, *, policy_version: int | None, hot_list_version: int | None) -> bool:
        """Tell whether the site has something newer, or the grant is to be renewed."""
        notes = self.notes
        if policy_version is not None and policy_version != notes.policy_version:
            return True
        if hot_list_version is not None and hot_list_version != self._folder.hot_list().version:
            return True
        return notes.synced_at is None or at - notes.synced_at >= RENEW_AFTER

    def keep(self, policy: dict[str, Any], hot_list: advices.HotList | None, at: datetime) -> None:
        """Keep what the site said: the hot list first, so that a grant is never newer than the list."""
        if hot_list is not None:
            self._folder.save_hot_list(merged(self._folder.hot_list(), hot_list))
        told = policy.get("stand_in") or {}
        grant = told.get("grant") if told.get("enabled") and hot_list is not None else None
        self._folder.save_stand_in_notes(
            StandInNotes(
                synced_at=at,
                policy_version=policy.get("version", 0),
                grant=grant,
                fingerprint_key=told.get("fingerprint_key"),
            )
        )


def merged(kept: HotListNotes, told: advices.HotList) -> HotListNotes:
    """Give the hot list after a change, or the whole of it where the site told it anew."""
    before = frozenset() if told.full else kept.fingerprints
    return HotListNotes(
        version=told.version, fingerprints=(before | frozenset(told.added)) - frozenset(told.removed)
    )


def advice_of(entry: Entry, grant: str) -> bytes:
    """Write the advice of an entry: its own content, and the grant under which it was approved."""
    assert entry.body is not None, "only what is pending becomes an advice"
    transaction = msgspec.json.decode(entry.body, type=messages.Transaction)
    return messages.content(msgspec.structs.replace(transaction, stand_in=messages.StandInProof(grant=grant)))


def grant_in(advice: bytes) -> str:
    """Give the grant that an advice names."""
    proof = msgspec.json.decode(advice, type=messages.Transaction).stand_in
    assert isinstance(proof, messages.StandInProof), "an advice names its grant"
    return proof.grant


def now() -> datetime:
    """Give the time of this machine, in UTC."""
    return datetime.now(UTC)


def _of_uid(uid: str | None) -> Identity | None:
    if uid is None or is_random(bytes.fromhex(uid)):
        return None
    return Identity("uid", bytes.fromhex(uid))


def _digits(text: str) -> bytes:
    return re.sub("[^0-9]", "", unicodedata.normalize("NFKC", text)).encode()


def within_bytes(entries: list[Entry]) -> list[tuple[UUID, bytes]]:
    """Take as many of the first entries as one call holds, one at the least."""
    batch: list[tuple[UUID, bytes]] = []
    size = 0
    for entry in entries:
        assert entry.body is not None, "what was approved offline has still to be told"
        size += len(entry.body) + 1
        if batch and size > ADVICES_BYTES_MAX:
            break
        batch.append((entry.id, entry.body))
    return batch
