"""Stores, their tills and staff, terminals and their enrolment, and the taps a till's terminal saw.

Knows where value is taken and by whom; must not know cards' insides, HTTP or screens.
"""

from __future__ import annotations

from datetime import time
from zoneinfo import available_timezones

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models

from prepaid.identifiers import uuid7


def check_timezone(name: str) -> None:
    """Refuse a name that is in no time-zone database: a store's business date could not be told."""
    if name not in available_timezones():
        raise ValidationError(f"{name} is not a time zone, such as Asia/Shanghai.")


class Store(models.Model):
    """A place that takes cards. Its general accounts are named after its id (ledger/accounts.py)."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    code = models.CharField(max_length=16, unique=True)
    name = models.CharField(max_length=80)
    name_zh = models.CharField(max_length=80, blank=True)
    currency = models.CharField(max_length=3)
    timezone = models.CharField(max_length=64, default="Asia/Shanghai", validators=[check_timezone])
    day_starts_at = models.TimeField(
        default=time.min, help_text="Local time at which the business date changes."
    )
    opened_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("code",)

    def __str__(self) -> str:
        return self.name


class Terminal(models.Model):
    """A device with an agent. Its id is the `keyid` of its signatures."""

    class State(models.TextChoices):
        ACTIVE = "active"
        STANDBY = "standby"
        LOCKED = "locked"
        RETIRED = "retired"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    store = models.ForeignKey(Store, on_delete=models.PROTECT, related_name="terminals")
    name = models.CharField(max_length=40)
    public_key = models.BinaryField(max_length=32)
    state = models.CharField(max_length=8, choices=State.choices, default=State.ACTIVE)
    platform = models.CharField(max_length=120, blank=True)
    enrolled_at = models.DateTimeField()
    # The last sequence of its last closed batch: what lies at or before it cannot be voided.
    closed_through_sequence = models.BigIntegerField(default=0)
    agent_version = models.CharField(max_length=32, blank=True)
    files_hash = models.CharField(max_length=128, blank=True)
    last_seen_at = models.DateTimeField(null=True)
    clock_offset_ms = models.BigIntegerField(null=True)
    queue_count = models.PositiveIntegerField(default=0)
    queue_amount_minor = models.BigIntegerField(default=0)
    queue_oldest_at = models.DateTimeField(null=True)
    components = models.JSONField(default=list)

    class Meta:
        ordering = ("store", "name")
        constraints = (models.UniqueConstraint(fields=("store", "name"), name="stores_terminal_name"),)

    def __str__(self) -> str:
        return self.name


class Till(models.Model):
    """A counter in the browser, where staff take money; it shows the taps of the terminal paired with it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    store = models.ForeignKey(Store, on_delete=models.PROTECT, related_name="tills")
    name = models.CharField(max_length=40)
    terminal = models.OneToOneField(
        Terminal, on_delete=models.SET_NULL, null=True, blank=True, related_name="till"
    )

    class Meta:
        ordering = ("store", "name")
        constraints = (models.UniqueConstraint(fields=("store", "name"), name="stores_till_name"),)

    def __str__(self) -> str:
        return self.name


class Staff(models.Model):
    """A person who works with cards: cashiers at the counter, managers in the office as well."""

    class Role(models.TextChoices):
        CASHIER = "cashier"
        MANAGER = "manager"

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="staff")
    store = models.ForeignKey(Store, on_delete=models.PROTECT, related_name="staff")
    till = models.ForeignKey(
        Till, on_delete=models.SET_NULL, null=True, blank=True, help_text="Where this person works now."
    )
    code = models.CharField(max_length=32, unique=True)
    role = models.CharField(max_length=8, choices=Role.choices, default=Role.CASHIER)

    class Meta:
        verbose_name_plural = "staff"

    def __str__(self) -> str:
        return self.code

    @property
    def is_manager(self) -> bool:
        """Say whether the office is open to this person."""
        return self.role == self.Role.MANAGER


class Enrolment(models.Model):
    """An enrolment code: one use, 15 minutes; only its keyed hash is kept."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    store = models.ForeignKey(Store, on_delete=models.CASCADE)
    code_hash = models.BinaryField(max_length=32, unique=True)
    terminal_name = models.CharField(max_length=40, blank=True)
    standby = models.BooleanField(default=False)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    terminal = models.OneToOneField(Terminal, on_delete=models.SET_NULL, null=True)


class TerminalFault(models.Model):
    """A fault that a terminal named in a heartbeat."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    terminal = models.ForeignKey(Terminal, on_delete=models.CASCADE, related_name="faults")
    code = models.CharField(max_length=32)
    at = models.DateTimeField()
    entry = models.CharField(max_length=8, blank=True)
    operator = models.CharField(max_length=32, blank=True)
    detail = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ("-at",)
        constraints = (models.UniqueConstraint(fields=("terminal", "code", "at"), name="stores_fault_once"),)


class StandIn(models.Model):
    """What a store's terminals may approve while they cannot reach the site. Amounts are minor units.

    A store without a row approves nothing offline. A floor is the most that one purchase may be with a card
    of that kind; a number is never accepted, for its PIN cannot be tried.
    """

    store = models.OneToOneField(Store, on_delete=models.CASCADE, primary_key=True, related_name="stand_in")
    per_transaction = models.BigIntegerField()
    per_card = models.BigIntegerField()
    per_terminal = models.BigIntegerField()
    count = models.PositiveIntegerField()
    age_s = models.PositiveIntegerField()
    floor_sun = models.BigIntegerField()
    floor_uid = models.BigIntegerField(default=0)
    floor_qr = models.BigIntegerField(default=0)
    version = models.PositiveIntegerField(default=1)
    changed_at = models.DateTimeField()
    changed_by = models.CharField(max_length=64)

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=models.Q(
                    per_transaction__gte=0,
                    per_card__gte=models.F("per_transaction"),
                    per_terminal__gte=models.F("per_card"),
                    count__lte=5000,
                    age_s__lte=604800,
                    floor_sun__gte=0,
                    floor_uid__gte=0,
                    floor_qr__gte=0,
                ),
                name="stores_stand_in_bounded",
            ),
        )

    def __str__(self) -> str:
        return f"{self.store} {self.version}"


class Tap(models.Model):
    """A card presented at a till's terminal, for the counter screen; swept after a day.

    `card_id` is the card found (opaque here); `lookup` the verified identity of one not yet issued.
    """

    id = models.BigAutoField(primary_key=True)
    terminal = models.ForeignKey(Terminal, on_delete=models.CASCADE)
    card_id = models.UUIDField(null=True)
    method = models.CharField(max_length=16)
    lookup = models.BinaryField(max_length=32, null=True)
    fingerprint = models.BinaryField(max_length=4, null=True)
    counter = models.BigIntegerField(null=True)
    key_version = models.PositiveSmallIntegerField(default=0)
    at = models.DateTimeField()
