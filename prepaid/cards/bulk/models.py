"""Orders of many cards, imports from another system, and the lines that both are made of.

Knows what was asked and how far it is; must not know keys, value or screens.
"""

from __future__ import annotations

from django.db import models

from prepaid.identifiers import uuid7

LINES_MAX = 100_000


class CardOrder(models.Model):
    """An order of `quantity` cards with `amount_each` on each, in minor units of the program's currency.

    Its states lead one way; `made_count` and `loaded_count` say how many of its lines are done.
    """

    class State(models.TextChoices):
        DRAFT = "draft"
        APPROVED = "approved"
        MADE = "made"
        FUNDED = "funded"
        ACTIVATED = "activated"
        CANCELLED = "cancelled"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    program = models.ForeignKey("cards.Program", on_delete=models.PROTECT)
    # The store that sells them and the till that asks, opaque here.
    store_id = models.UUIDField()
    till_id = models.UUIDField()
    buyer = models.ForeignKey("cards.Holder", on_delete=models.PROTECT, null=True)
    buyer_name = models.CharField(max_length=120)
    buyer_phone = models.CharField(max_length=32, blank=True)
    agent_name = models.CharField(max_length=120, blank=True)
    quantity = models.PositiveIntegerField()
    amount_each = models.BigIntegerField()
    tender = models.CharField(max_length=16)
    reference = models.CharField(max_length=64, blank=True)
    note = models.CharField(max_length=200, blank=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.DRAFT)
    # The ids of what its loads and recalls post follow from this one, line by line.
    load_id = models.UUIDField(default=uuid7, editable=False)
    recall_id = models.UUIDField(default=uuid7, editable=False)
    made_count = models.PositiveIntegerField(default=0)
    loaded_count = models.PositiveIntegerField(default=0)
    made_at = models.DateTimeField(null=True)
    funded_at = models.DateTimeField(null=True)
    ordered_by = models.CharField(max_length=64)
    ordered_at = models.DateTimeField()

    class Meta:
        ordering = ("-ordered_at", "-id")
        constraints = (
            models.CheckConstraint(
                condition=models.Q(quantity__gte=1, quantity__lte=LINES_MAX, amount_each__gte=1),
                name="cards_order_of_something",
            ),
            models.CheckConstraint(
                condition=models.Q(made_count__lte=models.F("quantity"))
                & models.Q(loaded_count__lte=models.F("made_count")),
                name="cards_order_loads_what_is_made",
            ),
            models.CheckConstraint(
                condition=~models.Q(state__in=("made", "funded", "activated"))
                | models.Q(made_count=models.F("quantity")),
                name="cards_order_made_whole",
            ),
            models.CheckConstraint(
                condition=models.Q(loaded_count=0) | models.Q(funded_at__isnull=False),
                name="cards_order_loads_after_funds",
            ),
        )

    def __str__(self) -> str:
        return f"{self.quantity} × {self.program_id}"

    @property
    def total_minor(self) -> int:
        """Give what the whole order costs."""
        return self.quantity * self.amount_each


class CardImport(models.Model):
    """Cards and balances of another system, from one file; nothing moves before the whole file is good."""

    class State(models.TextChoices):
        FAULTY = "faulty"
        CHECKED = "checked"
        RUNNING = "running"
        DONE = "done"
        UNDOING = "undoing"
        UNDONE = "undone"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    program = models.ForeignKey("cards.Program", on_delete=models.PROTECT)
    store_id = models.UUIDField()
    till_id = models.UUIDField()
    file_name = models.CharField(max_length=120)
    file_hash = models.BinaryField(max_length=32)
    encoding = models.CharField(max_length=16)
    state = models.CharField(max_length=10, choices=State.choices)
    quantity = models.PositiveIntegerField()
    paid_minor = models.BigIntegerField(default=0)
    bonus_minor = models.BigIntegerField(default=0)
    fault_count = models.PositiveIntegerField(default=0)
    undo_id = models.UUIDField(default=uuid7, editable=False)
    done_count = models.PositiveIntegerField(default=0)
    undone_count = models.PositiveIntegerField(default=0)
    started_at = models.DateTimeField(null=True)
    undo_at = models.DateTimeField(null=True)
    uploaded_by = models.CharField(max_length=64)
    uploaded_at = models.DateTimeField()

    class Meta:
        ordering = ("-uploaded_at", "-id")
        constraints = (
            models.CheckConstraint(
                condition=models.Q(undone_count__lte=models.F("done_count"))
                & models.Q(done_count__lte=models.F("quantity")),
                name="cards_import_undoes_what_is_done",
            ),
            models.CheckConstraint(
                condition=models.Q(fault_count=0) | models.Q(state="faulty", done_count=0),
                name="cards_import_runs_only_when_good",
            ),
        )

    def __str__(self) -> str:
        return self.file_name


class BulkLine(models.Model):
    """One card of an order or import, before and after it is made. Amounts are minor units.

    The lookups are keyed hashes; `outcome` is empty until the line's last step, then says how it went.
    """

    pk = models.CompositePrimaryKey("bulk_id", "line")
    bulk_id = models.UUIDField()
    line = models.PositiveIntegerField()
    last_four = models.CharField(max_length=4)
    number_lookup = models.BinaryField(max_length=32)
    pin_mac = models.BinaryField(max_length=32)
    qr_lookup = models.BinaryField(max_length=32, null=True)
    # By which a terminal knows them on the hot list.
    number_fingerprint = models.BinaryField(max_length=4)
    qr_fingerprint = models.BinaryField(max_length=4, null=True)
    paid_minor = models.BigIntegerField()
    bonus_minor = models.BigIntegerField(default=0)
    # Through which day the value is valid; null follows the program (orders) or means for ever (imports).
    expires_on = models.DateField(null=True)
    card_state = models.CharField(max_length=8, default="active")
    external_id = models.CharField(max_length=64, default="")
    holder_name = models.CharField(max_length=120, default="")
    holder_phone = models.CharField(max_length=32, default="")
    card_id = models.UUIDField(null=True)
    account_id = models.UUIDField(null=True)
    outcome = models.CharField(max_length=32, default="")

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=models.Q(paid_minor__gte=0, bonus_minor__gte=0), name="cards_bulkline_not_negative"
            ),
        )
        indexes = (
            models.Index(
                fields=("external_id",), name="cards_bulkline_external", condition=~models.Q(external_id="")
            ),
            models.Index(fields=("card_id",), name="cards_bulkline_card"),
        )


class BulkSecrets(models.Model):
    """Numbers, printed codes and PINs of some lines, sealed by the site's keys, until fetched once."""

    pk = models.CompositePrimaryKey("bulk_id", "first_line")
    bulk_id = models.UUIDField()
    first_line = models.PositiveIntegerField()
    sealed = models.BinaryField()


class BulkEvent(models.Model):
    """Who did what to an order or an import, and when. Never changed afterwards."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    bulk_id = models.UUIDField(db_index=True)
    change = models.CharField(max_length=16)
    actor = models.CharField(max_length=64)
    at = models.DateTimeField()
    note = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ("at", "id")


class ImportFault(models.Model):
    """What is wrong with one field of one line of a file; line 1 is the heading."""

    id = models.BigAutoField(primary_key=True)
    cards_import = models.ForeignKey(CardImport, on_delete=models.CASCADE, related_name="faults")
    line = models.PositiveIntegerField()
    column = models.CharField(max_length=16)
    code = models.CharField(max_length=24)
    value = models.CharField(max_length=80)

    class Meta:
        ordering = ("line", "id")
