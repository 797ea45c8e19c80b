"""A read-only view of `ledger_approval`; every write goes through the SQL functions.

Knows columns; must not write, and the application's role could not.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec
from django.db import models

from prepaid.stored_value.approvals.payloads import Payload

State = Literal["pending", "executed", "approved", "refused", "expired"]


class Approval(models.Model):
    """What somebody asked, what was decided, and what came of it. Minor units."""

    id = models.UUIDField(primary_key=True)
    kind = models.TextField()
    amount = models.BigIntegerField()
    currency = models.TextField(null=True)
    alone_max = models.BigIntegerField(null=True)
    second_needed = models.BooleanField()
    card_id = models.UUIDField(null=True)
    account_id = models.UUIDField(null=True)
    program_id = models.UUIDField(null=True)
    store_id = models.UUIDField()
    origin_id = models.UUIDField(null=True)
    payload: Any = models.JSONField()
    reason = models.TextField()
    transaction_id = models.UUIDField()
    asked_by = models.TextField()
    asked_by_user = models.BigIntegerField()
    asked_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    verdict = models.TextField(null=True)
    decided_by = models.TextField(null=True)
    decided_by_user = models.BigIntegerField(null=True)
    decided_at = models.DateTimeField(null=True)
    decision_reason = models.TextField()
    outcome = models.TextField(null=True)
    outcome_reason = models.TextField(null=True)

    class Meta:
        managed = False
        db_table = "ledger_approval"

    @property
    def asked(self) -> Payload:
        """Give what was asked as its struct."""
        asked: Payload = msgspec.convert(self.payload, type=Payload)
        return asked

    def state_at(self, at: datetime) -> State:
        """Say where it stands; `approved` alone is approved and yet not carried out."""
        if self.verdict is None:
            return "pending" if at < self.expires_at else "expired"
        if self.verdict in ("alone", "approved"):
            return "executed" if self.outcome == "executed" else "approved"
        return "refused" if self.verdict == "refused" else "expired"
