"""Batches as they were compared, the exceptions that reconciling found, and the last runs of the jobs.

Knows what was told and what was counted; must not mend anything.
"""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from prepaid.identifiers import uuid7
from prepaid.stores.models import Terminal


class Batch(models.Model):
    """A terminal's transactions between two sequences, both included, compared once and never changed.

    Totals are `{type: {"count", "amount"}}` of what was approved, in minor units. PROTECT: a batch is the
    evidence of what a terminal said, and outlives the wish to be rid of the terminal.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    terminal = models.ForeignKey(Terminal, on_delete=models.PROTECT, related_name="batches")
    first_sequence = models.BigIntegerField()
    last_sequence = models.BigIntegerField()
    totals_told = models.JSONField()
    totals_counted = models.JSONField()
    differences = models.JSONField(default=dict)
    # The first of them; `missing_count` counts them all.
    missing_sequences = models.JSONField(default=list)
    missing_count = models.BigIntegerField(default=0)
    is_balanced = models.BooleanField()
    business_date = models.DateField()
    closed_at = models.DateTimeField()

    class Meta:
        ordering = ("-closed_at",)
        verbose_name_plural = "batches"
        indexes = (models.Index(fields=("closed_at",), name="settlement_batch_closed_at"),)
        constraints = (
            models.UniqueConstraint(fields=("terminal", "first_sequence"), name="settlement_batch_first"),
            models.UniqueConstraint(fields=("terminal", "last_sequence"), name="settlement_batch_last"),
            models.CheckConstraint(
                condition=Q(first_sequence__gte=1, last_sequence__gte=F("first_sequence")),
                name="settlement_batch_range",
            ),
        )

    def __str__(self) -> str:
        return f"{self.first_sequence}-{self.last_sequence}"


class SettlementException(models.Model):
    """Something that does not agree, told once for as long as it is open, until a person resolves it.

    `vanished_at` is when it was no longer found; it stays to be looked at.
    """

    class Severity(models.TextChoices):
        ERROR = "error"
        WARNING = "warning"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=64)
    subject = models.CharField(max_length=32)
    key = models.CharField(max_length=200)
    severity = models.CharField(max_length=8, choices=Severity.choices)
    found = models.TextField()
    detail = models.JSONField(default=dict)
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    vanished_at = models.DateTimeField(null=True)
    resolved_at = models.DateTimeField(null=True)
    resolved_by = models.CharField(max_length=64, blank=True)
    note = models.CharField(max_length=500, blank=True)

    class Meta:
        db_table = "settlement_exception"
        ordering = ("-first_seen_at", "kind", "key")
        constraints = (
            models.UniqueConstraint(
                fields=("kind", "subject", "key"),
                condition=Q(resolved_at__isnull=True),
                name="settlement_exception_open_once",
            ),
            models.CheckConstraint(
                condition=Q(resolved_at__isnull=True, resolved_by="")
                | (Q(resolved_at__isnull=False) & ~Q(resolved_by="") & ~Q(note="")),
                name="settlement_exception_resolved_whole",
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind}: {self.subject} {self.key}: {self.found}"


class JobRun(models.Model):
    """A job's last run, one row a job. Running for longer than its limit means that its worker died."""

    class State(models.TextChoices):
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"

    job = models.CharField(primary_key=True, max_length=64)
    worker = models.CharField(max_length=120)
    state = models.CharField(max_length=8, choices=State.choices)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    done_at = models.DateTimeField(null=True)
    result = models.CharField(max_length=200, blank=True)
    error = models.TextField(blank=True)
    runs = models.PositiveBigIntegerField(default=0)
    failures = models.PositiveBigIntegerField(default=0)

    class Meta:
        db_table = "settlement_job_run"

    def __str__(self) -> str:
        return self.job


class Worker(models.Model):
    """A Celery worker, as last heard of."""

    name = models.CharField(primary_key=True, max_length=120)
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()

    class Meta:
        db_table = "settlement_worker"

    def __str__(self) -> str:
        return self.name
