"""Stores, their tills and staff, terminals and their enrolment, and the taps a till's terminal saw.

Knows where value is taken and by whom; must not know cards' insides, HTTP or screens.
"""

from __future__ import annotations

from datetime import time
from zoneinfo import available_timezones

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q

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
    # The settings as first told, or as a manager unlocked them: another is an unauthorised change.
    settings_hash = models.CharField(max_length=64, blank=True)
    # What it holds on its own disk, and when that was last what the site had: a spare must be up to date.
    policy_version = models.PositiveIntegerField(default=0)
    hot_list_version = models.PositiveBigIntegerField(default=0)
    synchronised_at = models.DateTimeField(null=True)

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
    agent_version = models.CharField(max_length=32, blank=True)

    class Meta:
        ordering = ("-at",)
        indexes = (models.Index(fields=("at",), name="stores_fault_at"),)
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


class ApprovedAgent(models.Model):
    """A hash of the agent's files that a manager approved for a version; another locks its terminal."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    version = models.CharField(max_length=32)
    files_hash = models.CharField(max_length=128)
    approved_at = models.DateTimeField()
    approved_by = models.CharField(max_length=64)

    class Meta:
        ordering = ("version", "approved_at")
        constraints = (
            models.UniqueConstraint(fields=("version", "files_hash"), name="stores_approved_agent_once"),
        )

    def __str__(self) -> str:
        return f"{self.version} {self.files_hash[:12]}"


class TerminalLock(models.Model):
    """Why a terminal may not move value, from when to when, and who let it work again."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    terminal = models.ForeignKey(Terminal, on_delete=models.PROTECT, related_name="locks")
    at = models.DateTimeField()
    code = models.CharField(max_length=32)
    found = models.CharField(max_length=200)
    was_standby = models.BooleanField(default=False)
    unlocked_at = models.DateTimeField(null=True)
    unlocked_by = models.CharField(max_length=64, blank=True)
    note = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ("-at",)
        constraints = (
            models.UniqueConstraint(
                fields=("terminal",), condition=Q(unlocked_at__isnull=True), name="stores_lock_open_once"
            ),
            models.CheckConstraint(
                condition=Q(unlocked_at__isnull=True, unlocked_by="")
                | (Q(unlocked_at__isnull=False) & ~Q(unlocked_by="") & ~Q(note="")),
                name="stores_lock_ended_whole",
            ),
        )


class TerminalReplacement(models.Model):
    """A standby that took over a failed terminal's name and till, and may sign for what that left unsent.

    Append-only: the database refuses a change (migration 0004).
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    failed = models.OneToOneField(Terminal, on_delete=models.PROTECT, related_name="replacement")
    successor = models.ForeignKey(Terminal, on_delete=models.PROTECT, related_name="replaced")
    name = models.CharField(max_length=40)
    at = models.DateTimeField()
    by = models.CharField(max_length=64)
    note = models.CharField(max_length=500)

    class Meta:
        ordering = ("-at",)
        constraints = (
            models.CheckConstraint(condition=~Q(failed=F("successor")), name="stores_replacement_of_another"),
        )


class TerminalPulse(models.Model):
    """Five minutes of a terminal's heartbeats, for the strip of the last 24 hours; swept after two days."""

    id = models.BigAutoField(primary_key=True)
    terminal = models.ForeignKey(Terminal, on_delete=models.CASCADE)
    slot = models.DateTimeField()
    beats = models.PositiveIntegerField(default=1)
    is_slow = models.BooleanField(default=False)
    needs_attention = models.BooleanField(default=False)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("terminal", "slot"), name="stores_pulse_once"),)
