"""Rule sets, their dated rules, and the interest rates that a refund is reckoned with.

Knows rows that are only ever added; must not know what a rule does to value.
"""

from __future__ import annotations

from typing import Any

from django.db import models

from prepaid.identifiers import uuid7


class Source(models.TextChoices):
    """How sure a fact is."""

    PRIMARY = "v"
    SECONDARY = "s"
    TO_BE_CHECKED = "c"


class RuleSet(models.Model):
    """The rules of one jurisdiction for one class of cards. Without a currency it states no amounts."""

    class CardClass(models.TextChoices):
        REGISTERED = "registered"
        BEARER = "bearer"
        ANY = "any"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    code = models.CharField(max_length=32, unique=True)
    name = models.CharField(max_length=80)
    name_zh = models.CharField(max_length=80)
    jurisdiction = models.CharField(max_length=8, blank=True)
    card_class = models.CharField(max_length=10, choices=CardClass.choices)
    currency = models.CharField(max_length=3, blank=True)

    class Meta:
        ordering = ("code",)

    def __str__(self) -> str:
        return self.name


class Rule(models.Model):
    """One rule from one date on, until the same field has a later row. Never changed: a correction is a
    higher revision of the same date. A value of null says that the rule has ended.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    rule_set = models.ForeignKey(RuleSet, on_delete=models.PROTECT, related_name="rules")
    field = models.CharField(max_length=40)
    effective_from = models.DateField()
    revision = models.PositiveSmallIntegerField(default=1)
    value = models.JSONField(null=True)
    article = models.CharField(max_length=120)
    article_zh = models.CharField(max_length=120)
    source = models.CharField(max_length=1, choices=Source.choices)
    text = models.CharField(max_length=300)
    text_zh = models.CharField(max_length=300)
    recorded_at = models.DateTimeField()
    recorded_by = models.CharField(max_length=64)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("rule_set", "field", "effective_from", "revision"), name="cards_rule_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.rule_set_id} {self.field} {self.effective_from}"

    @property
    def stated(self) -> Any:
        """Give the value of a rule that has not ended, in the shape that its field has."""
        assert self.value is not None, "an ended rule states nothing"
        return self.value

    @property
    def is_to_be_checked(self) -> bool:
        """Say whether nobody has read it in its source yet."""
        return self.source == Source.TO_BE_CHECKED


class InterestRate(models.Model):
    """A published yearly rate from one date on, in millionths. Never changed, as a rule."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    code = models.CharField(max_length=32)
    effective_from = models.DateField()
    revision = models.PositiveSmallIntegerField(default=1)
    rate_ppm = models.PositiveIntegerField()
    article = models.CharField(max_length=120)
    article_zh = models.CharField(max_length=120)
    source = models.CharField(max_length=1, choices=Source.choices)
    recorded_at = models.DateTimeField()
    recorded_by = models.CharField(max_length=64)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("code", "effective_from", "revision"), name="cards_interestrate_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.code} {self.effective_from}"
