"""The row of an offer: what a program gives with a top-up.

Knows its terms and what may not change of them; must not know which offer a load earns by (offers.py, SQL).
"""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from prepaid.identifiers import uuid7

INSTALMENTS_MAX = 60


class Offer(models.Model):
    """What a program gives with a top-up: pay so much, get so much more. Minor units.

    Its terms never change once it is made, for loads name it: it is only ended.
    """

    class Interval(models.TextChoices):
        DAY = "day"
        WEEK = "week"
        MONTH = "month"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    program = models.ForeignKey("cards.Program", on_delete=models.PROTECT, related_name="offers")
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
