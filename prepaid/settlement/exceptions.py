"""Exceptions: what does not agree, stored once while it is open, and resolved by a person.

Knows how a finding becomes a row; must not know how it is found.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import QuerySet

from prepaid.settlement.errors import ResolutionRefused
from prepaid.settlement.kinds import kind_of
from prepaid.settlement.models import SettlementException

# Who resolved an alert that ended when its cause did.
BY_ITSELF = "site"
ENDED = "ended by itself"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that does not agree: what kind, which row, and what was found there."""

    kind: str
    subject: str
    key: str
    found: str
    detail: dict[str, Any] = field(default_factory=dict)


def record(findings: Sequence[Finding], *, at: datetime) -> int:
    """Store findings, each once while it is open, and count those that are new.

    A finding that is open already is seen again; one that a person has settled stays settled.
    """
    new = 0
    with transaction.atomic(), connection.cursor() as cursor:
        # In the order of the unique key, so that two runs at once lock in the same order.
        for finding in sorted(findings, key=lambda each: (each.kind, each.subject, each.key)):
            kind = kind_of(finding.kind)
            cursor.execute(
                _RECORD,
                {
                    "id": SettlementException().id,
                    "kind": kind.code,
                    "subject": finding.subject,
                    "key": finding.key[:200],
                    "severity": str(kind.severity),
                    "found": finding.found,
                    "detail": json.dumps(finding.detail),
                    "at": at,
                    "is_settled_by_note": kind.is_settled_by_note,
                },
            )
            new += sum(is_new for (is_new,) in cursor.fetchall())
    return new


def mark_vanished(kinds: Iterable[str], *, at: datetime) -> int:
    """Mark open exceptions of these kinds that a run begun at `at` did not see again, and count them."""
    return SettlementException.objects.filter(
        kind__in=list(kinds), resolved_at__isnull=True, vanished_at__isnull=True, last_seen_at__lt=at
    ).update(vanished_at=at)


def end_vanished(kinds: Iterable[str], *, at: datetime) -> int:
    """End open exceptions of these kinds whose cause is over: nobody has to look at them. Count them."""
    return SettlementException.objects.filter(
        kind__in=list(kinds), resolved_at__isnull=True, vanished_at__isnull=False
    ).update(resolved_at=at, resolved_by=BY_ITSELF, note=ENDED)


def list_open() -> QuerySet[SettlementException]:
    """List what nobody has resolved, errors first, newest first."""
    return SettlementException.objects.filter(resolved_at__isnull=True).order_by(
        "severity", "-first_seen_at", "kind", "key"
    )


def list_resolved() -> QuerySet[SettlementException]:
    """List what was resolved, latest first."""
    return SettlementException.objects.filter(resolved_at__isnull=False).order_by("-resolved_at")


def resolve(exception_id: UUID, *, actor: str, note: str, at: datetime) -> None:
    """Resolve an open exception with a person's reason. Raises ResolutionRefused."""
    note = note.strip()
    if not note or not actor:
        raise ResolutionRefused("An exception is resolved by a person, with a reason.")
    resolved = SettlementException.objects.filter(id=exception_id, resolved_at__isnull=True).update(
        resolved_at=at, resolved_by=actor, note=note[:500]
    )
    if not resolved:
        raise ResolutionRefused("The exception is resolved already.")


_RECORD = """
insert into settlement_exception as told (
    id, kind, subject, key, severity, found, detail, first_seen_at, last_seen_at, resolved_by, note)
select %(id)s, %(kind)s, %(subject)s, %(key)s, %(severity)s, %(found)s, %(detail)s::jsonb, %(at)s, %(at)s,
    '', ''
where not %(is_settled_by_note)s or not exists (
    select from settlement_exception as settled
    where settled.kind = %(kind)s and settled.subject = %(subject)s and settled.key = %(key)s
        and settled.found = %(found)s and settled.resolved_at is not null)
on conflict (kind, subject, key) where resolved_at is null do update
set found = excluded.found, detail = excluded.detail, severity = excluded.severity,
    last_seen_at = greatest(told.last_seen_at, excluded.last_seen_at), vanished_at = null
returning xmax = 0
"""
