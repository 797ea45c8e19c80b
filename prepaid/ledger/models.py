"""Read-only views of the ledger's tables, for queries; every write goes through the SQL functions.

Knows columns; must not write, and the application's role could not.
"""

from __future__ import annotations

from django.db import models


class LedgerAccount(models.Model):
    """A card holder's account: `ledger_account`. Minor units."""

    id = models.UUIDField(primary_key=True)
    currency = models.CharField(max_length=3)
    balance = models.BigIntegerField()
    held = models.BigIntegerField()
    position = models.BigIntegerField()
    opened_at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "ledger_account"


class LedgerAnswer(models.Model):
    """A stored answer: `ledger_answer`. Minor units."""

    id = models.UUIDField(primary_key=True)
    origin_id = models.UUIDField()
    sequence = models.BigIntegerField(null=True)
    type = models.TextField(null=True)
    outcome = models.TextField()
    reason = models.TextField(null=True)
    requested_amount = models.BigIntegerField(null=True)
    approved_amount = models.BigIntegerField()
    currency = models.TextField(null=True)
    balance = models.BigIntegerField(null=True)
    available = models.BigIntegerField(null=True)
    account_id = models.UUIDField(null=True)
    position = models.BigIntegerField(null=True)
    presented_id = models.UUIDField(null=True)
    original_id = models.UUIDField(null=True)
    operator = models.TextField()
    note = models.TextField()
    recorded_at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "ledger_answer"


class LedgerDailySum(models.Model):
    """Daily sums by store, type and tender: `ledger_daily_sum`. Minor units."""

    pk = models.CompositePrimaryKey("business_date", "store_id", "type", "undoes", "tender", "currency")
    business_date = models.DateField()
    store_id = models.UUIDField()
    type = models.TextField()
    undoes = models.TextField()
    tender = models.TextField()
    currency = models.TextField()
    count = models.BigIntegerField()
    amount = models.DecimalField(max_digits=30, decimal_places=0)

    class Meta:
        managed = False
        db_table = "ledger_daily_sum"
