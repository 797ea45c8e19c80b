"""Programs, holders, accounts, cards and their credentials.

Knows what is presented and under which terms; must not know stores, tenders, HTTP or screens.
"""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from prepaid.identifiers import uuid7

INSTALMENTS_MAX = 60


class Program(models.Model):
    """The terms that cards are issued under. Limits are minor units; null means no limit."""

    class ConsumptionOrder(models.TextChoices):
        BONUS_FIRST = "bonus_first"
        PAID_FIRST = "paid_first"
        PROPORTIONAL = "proportional"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    code = models.CharField(max_length=16, unique=True)
    name = models.CharField(max_length=80)
    name_zh = models.CharField(max_length=80, blank=True)
    currency = models.CharField(max_length=3)
    number_prefix = models.CharField(max_length=8, default="8600")
    load_single_max = models.BigIntegerField(null=True, blank=True)
    load_day_max = models.BigIntegerField(null=True, blank=True)
    redeem_single_max = models.BigIntegerField(null=True, blank=True)
    redeem_day_max = models.BigIntegerField(null=True, blank=True)
    balance_max = models.BigIntegerField(null=True, blank=True)
    card_valid_months = models.PositiveSmallIntegerField(null=True, blank=True)
    value_valid_months = models.PositiveSmallIntegerField(null=True, blank=True)
    consumption_order = models.CharField(
        max_length=12, choices=ConsumptionOrder.choices, default=ConsumptionOrder.BONUS_FIRST
    )
    allowed_credentials = ArrayField(models.CharField(max_length=16), default=list)
    # Above this a credential that carries no PIN of its own asks for one; null means never.
    pin_above = models.BigIntegerField(null=True, blank=True)
    # The stores that take these cards; null means every store.
    scope_store_ids = ArrayField(models.UUIDField(), null=True, blank=True)
    # How far a capture may go above its hold, in percent of the hold: a tip, a minibar, one more night's tax.
    capture_tolerance_percent = models.PositiveSmallIntegerField(
        default=0, validators=[MaxValueValidator(100)]
    )

    # How long a hold placed at the counter lasts; a terminal says so itself.
    hold_days = models.PositiveSmallIntegerField(default=7, validators=[MinValueValidator(1)])

    class Meta:
        ordering = ("code",)

    def __str__(self) -> str:
        return self.name


class Offer(models.Model):
    """What a program gives with a top-up: pay so much, get so much more. Minor units.

    Its terms never change once it is made, for loads name it: it is only ended.
    """

    class Interval(models.TextChoices):
        DAY = "day"
        WEEK = "week"
        MONTH = "month"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    program = models.ForeignKey(Program, on_delete=models.PROTECT, related_name="offers")
    # Stands as the campaign on each lot that it made.
    code = models.CharField(max_length=24, unique=True)
    name = models.CharField(max_length=80)
    name_zh = models.CharField(max_length=80, blank=True)
    pay_min = models.BigIntegerField()
    bonus = models.BigIntegerField()
    # The first part comes with the top-up, each other one an interval later; the last takes the odd units.
    instalments = models.PositiveSmallIntegerField(default=1)
    interval = models.CharField(max_length=5, choices=Interval.choices, default=Interval.MONTH)
    # Days that bonus value is good for after it is given; null is for ever.
    bonus_valid_days = models.PositiveIntegerField(null=True, blank=True)
    # Business dates, both included; without an end until somebody ends it.
    starts_on = models.DateField()
    ends_on = models.DateField(null=True, blank=True)
    # The stores where it is given; null means every store.
    store_ids = ArrayField(models.UUIDField(), null=True, blank=True)
    # The accounts that get it; empty means every one.
    tier = models.CharField(max_length=16, blank=True)
    made_by = models.CharField(max_length=64)
    made_at = models.DateTimeField()
    ended_by = models.CharField(max_length=64, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-made_at",)
        indexes = (models.Index(fields=("program", "pay_min"), name="cards_offer_of_program"),)
        constraints = (
            models.CheckConstraint(
                condition=models.Q(pay_min__gt=0, bonus__gt=0), name="cards_offer_amounts"
            ),
            models.CheckConstraint(
                condition=models.Q(instalments__gte=1, instalments__lte=INSTALMENTS_MAX)
                & models.Q(bonus__gte=models.F("instalments")),
                name="cards_offer_instalments",
            ),
            models.CheckConstraint(
                condition=models.Q(ends_on__isnull=True) | models.Q(ends_on__gte=models.F("starts_on")),
                name="cards_offer_dates",
            ),
        )

    def __str__(self) -> str:
        return self.name


class Holder(models.Model):
    """A person or firm that holds an account."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=120)
    phone = models.CharField(max_length=32, blank=True)
    email = models.EmailField(blank=True)

    def __str__(self) -> str:
        return self.name


class Account(models.Model):
    """One card holder relationship: its id is that of the ledger's account, where the value sits."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    program = models.ForeignKey(Program, on_delete=models.PROTECT)
    holder = models.ForeignKey(Holder, on_delete=models.PROTECT, null=True, blank=True)
    # The standing that an offer may ask for, such as "gold"; empty for none.
    tier = models.CharField(max_length=16, blank=True, default="")
    opened_at = models.DateTimeField(auto_now_add=True)


class Card(models.Model):
    """A medium that presents an account. A lost card is replaced by another card of the same account."""

    class State(models.TextChoices):
        ISSUED = "issued"
        ACTIVE = "active"
        BLOCKED = "blocked"
        LOST = "lost"
        CLOSED = "closed"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="cards")
    program = models.ForeignKey(Program, on_delete=models.PROTECT)
    last_four = models.CharField(max_length=4)
    state = models.CharField(max_length=8, choices=State.choices, default=State.ISSUED)
    expires_on = models.DateField(null=True, blank=True)
    issued_at = models.DateTimeField()
    issued_store_id = models.UUIDField(null=True)

    class Meta:
        indexes = (models.Index(fields=("last_four",)),)

    def __str__(self) -> str:
        return self.number_masked

    @property
    def number_masked(self) -> str:
        """Show the card as it may be shown: the last four digits."""
        return f"•••• {self.last_four}"


class Credential(models.Model):
    """How a card proves itself. `lookup` is a keyed hash, so that a stolen table opens no card."""

    class Method(models.TextChoices):
        NUMBER = "number"
        SUN = "sun"
        QR = "qr"
        UID = "uid"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    card = models.ForeignKey(Card, on_delete=models.CASCADE, related_name="credentials")
    method = models.CharField(max_length=16, choices=Method.choices)
    lookup = models.BinaryField(max_length=32)
    # The highest SUN counter accepted; rises in the commit of the posting that it proves.
    counter = models.BigIntegerField(default=-1)
    key_version = models.PositiveSmallIntegerField(default=0)
    pin_mac = models.BinaryField(max_length=32, null=True)
    pin_failures = models.PositiveSmallIntegerField(default=0)
    # A PIN is locked after this many wrong tries, until staff set a new one.
    pin_tries_max = models.PositiveSmallIntegerField(default=5)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("method", "lookup"), name="cards_credential_lookup"),)

    def __str__(self) -> str:
        return self.method


class CardEvent(models.Model):
    """A change of a card's state: from, to, why, who and when. Never changed afterwards."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    card = models.ForeignKey(Card, on_delete=models.PROTECT, related_name="events")
    from_state = models.CharField(max_length=8, blank=True)
    to_state = models.CharField(max_length=8)
    reason = models.CharField(max_length=200, blank=True)
    actor = models.CharField(max_length=64)
    at = models.DateTimeField()

    class Meta:
        ordering = ("at",)

    def __str__(self) -> str:
        return f"{self.from_state} > {self.to_state}"
