"""What waits for a decision, and what was decided.

Knows queries; must not decide.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from prepaid.stored_value.approvals.models import Approval


def list_pending(at: datetime) -> QuerySet[Approval]:
    """List what waits for a second person, what expires first at the top. Locks nothing."""
    return Approval.objects.filter(verdict=None, expires_at__gt=at).order_by("expires_at", "id")


def list_decided() -> QuerySet[Approval]:
    """List what was decided or expired, newest first."""
    return Approval.objects.exclude(verdict=None).order_by("-decided_at", "-id")


def count_pending(at: datetime) -> int:
    """Count what waits for a second person."""
    return list_pending(at).count()


def count_pending_of(card_id: UUID, at: datetime) -> int:
    """Count what waits for a second person about one card."""
    return list_pending(at).filter(card_id=card_id).count()
