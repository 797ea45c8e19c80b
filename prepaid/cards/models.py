"""Programs, holders, accounts, cards and their credentials.

Knows what is presented and under which terms; must not know stores, tenders, HTTP or screens.
"""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from prepaid.cards.bulk.models import BulkEvent, BulkLine, BulkSecrets, CardImport, CardOrder, ImportFault
from prepaid.cards.offer import Offer
from prepaid.cards.rules.models import InterestRate, Rule, RuleSet
from prepaid.identifiers import uuid7

__all__ = (
    "Account", "BulkEvent", "BulkLine", "BulkSecrets", "Card", "CardEvent", "CardImport", "CardOrder",
    "Credential", "Holder", "ImportFault", "InterestRate", "Offer", "Program", "Rule", "RuleSet",
)  # fmt: skip


class Program(models.Model):
    """The terms that cards are issued under. Limits are minor units; null means no limit.

    Those of a holder count over all the holder's cards of one currency whose programs set such a limit.
    """

    class ConsumptionOrder(models.TextChoices):
        BONUS_FIRST = "bonus_first"
        PAID_FIRST = "paid_first"
        PROPORTIONAL = "proportional"

    class MovesTo(models.TextChoices):
        ANY = "any"
        SAME_PROGRAM = "same_program"
        NOTHING = "nothing"

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
    load_month_max = models.BigIntegerField(null=True, blank=True)
    redeem_month_max = models.BigIntegerField(null=True, blank=True)
    loads_day_max = models.PositiveIntegerField(null=True, blank=True)
    holder_load_day_max = models.BigIntegerField(null=True, blank=True)
    holder_load_month_max = models.BigIntegerField(null=True, blank=True)
    holder_redeem_day_max = models.BigIntegerField(null=True, blank=True)
    holder_redeem_month_max = models.BigIntegerField(null=True, blank=True)
    # Loads a day by one funding instrument, over all the cards that it pays for.
    instrument_loads_day_max = models.PositiveIntegerField(null=True, blank=True)
    # What a bare UID may spend; above it the PIN lifts the limit, or nothing does.
    low_trust_single_max = models.BigIntegerField(null=True, blank=True)
    low_trust_day_max = models.BigIntegerField(null=True, blank=True)
    low_trust_pin_lifts = models.BooleanField(default=True)
    card_valid_months = models.PositiveSmallIntegerField(null=True, blank=True)
    value_valid_months = models.PositiveSmallIntegerField(null=True, blank=True)
    consumption_order = models.CharField(
        max_length=12, choices=ConsumptionOrder.choices, default=ConsumptionOrder.BONUS_FIRST
    )
    allowed_credentials = ArrayField(models.CharField(max_length=16), default=list)
    # Where the currency is a unit: what one costs, in minor units of the money of the store that sells it.
    unit_price = models.BigIntegerField(null=True, blank=True)
    # Above this a credential that carries no PIN of its own asks for one; null means never.
    pin_above = models.BigIntegerField(null=True, blank=True)
    # The most that one pay code of a phone may spend.
    pay_code_max = models.BigIntegerField(null=True, blank=True)
    # Above this only a card's answer to a challenge will do, or staff at the counter; null means never asked.
    challenge_above = models.BigIntegerField(null=True, blank=True)
    # The stores that take these cards; null means every store.
    scope_store_ids = ArrayField(models.UUIDField(), null=True, blank=True)
    # What the law asks of these cards, by date; null means that no law was chosen.
    rule_set = models.ForeignKey(RuleSet, on_delete=models.PROTECT, null=True, blank=True)
    # Where value of these cards may be moved to: other cards of any program, of this one, or nowhere.
    moves_to = models.CharField(max_length=12, choices=MovesTo.choices, default=MovesTo.ANY)
    # Whether an exchanged card makes value spendable again that had expired.
    reactivates_expired = models.BooleanField(default=False)
    # How far a capture may go above its hold, in percent of the hold: a tip, a minibar, one more night's tax.
    capture_tolerance_percent = models.PositiveSmallIntegerField(
        default=0, validators=[MaxValueValidator(100)]
    )
    # How long a hold placed at the counter lasts; a terminal says so itself.
    hold_days = models.PositiveSmallIntegerField(default=7, validators=[MinValueValidator(1)])

    # Up to these amounts a manager does it alone, above them a second person approves; null means no bound.
    # 0 asks a second person each time. An unblock counts as the card's balance, orders and imports as theirs.
    adjust_alone_max = models.BigIntegerField(null=True, blank=True, default=0)
    refund_unlinked_alone_max = models.BigIntegerField(null=True, blank=True, default=0)
    unblock_alone_max = models.BigIntegerField(null=True, blank=True)
    limit_change_alone_max = models.BigIntegerField(null=True, blank=True, default=0)
    bulk_issue_alone_max = models.BigIntegerField(null=True, blank=True, default=0)
    bulk_import_alone_max = models.BigIntegerField(null=True, blank=True, default=0)
    card_return_alone_max = models.BigIntegerField(null=True, blank=True)

    class Meta:
        ordering = ("code",)

    def __str__(self) -> str:
        return self.name


class Holder(models.Model):
    """A person or firm that holds an account; one holder to an ID number, which is kept sealed."""

    class Kind(models.TextChoices):
        PERSON = "person"
        ORGANISATION = "organisation"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=120)
    phone = models.CharField(max_length=32, blank=True)
    email = models.EmailField(blank=True)
    kind = models.CharField(max_length=12, choices=Kind.choices, default=Kind.PERSON)
    id_document = models.CharField(max_length=16, blank=True)
    id_number_lookup = models.BinaryField(max_length=32, null=True, unique=True)
    id_number_sealed = models.BinaryField(max_length=128, null=True)
    id_number_tail = models.CharField(max_length=4, blank=True)
    # Who buys for the holder, where it is another.
    agent_name = models.CharField(max_length=120, blank=True)
    agent_phone = models.CharField(max_length=32, blank=True)
    agent_id_number_sealed = models.BinaryField(max_length=128, null=True)
    identified_at = models.DateTimeField(null=True)
    identified_by = models.CharField(max_length=64, blank=True)

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=models.Q(identified_at=None)
                | models.Q(id_number_lookup__isnull=False, id_number_sealed__isnull=False),
                name="cards_holder_identified_by_a_number",
            ),
        )

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
    # The card that this one took the place of: a card is replaced or exchanged once.
    replaces = models.OneToOneField(
        "self", on_delete=models.PROTECT, related_name="replaced_by", null=True, blank=True
    )

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
        PAY_CODE = "pay_code"
        # A card that proves itself by the answer to a challenge, and by nothing less.
        CHALLENGE = "challenge"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    card = models.ForeignKey(Card, on_delete=models.CASCADE, related_name="credentials")
    method = models.CharField(max_length=16, choices=Method.choices)
    lookup = models.BinaryField(max_length=32)
    # The highest SUN counter accepted, or window of a pay code; rises in the commit of the posting it proves.
    counter = models.BigIntegerField(default=-1)
    # When and through which terminal it rose last; None before its first posting.
    counter_at = models.DateTimeField(null=True)
    counter_by = models.UUIDField(null=True)
    # Never negative, as the PIN's two counts: by a domain, which a tap does not pay for (ADR 0003).
    key_version = models.SmallIntegerField(default=0)
    # What a terminal can work out of the card by itself, for the hot list; None where it never showed it.
    fingerprint = models.BinaryField(max_length=4, null=True, db_index=True)
    pin_mac = models.BinaryField(max_length=32, null=True)
    pin_failures = models.SmallIntegerField(default=0)
    # A PIN is locked after this many wrong tries, until staff set a new one.
    pin_tries_max = models.SmallIntegerField(default=5)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("method", "lookup"), name="cards_credential_lookup"),)

    def __str__(self) -> str:
        return self.method


class HotListEntry(models.Model):
    """Whether a fingerprint is hot, and the version of the list that says so; written by triggers alone."""

    fingerprint = models.BinaryField(primary_key=True, max_length=4)
    is_hot = models.BooleanField()
    version = models.BigIntegerField(unique=True)


class HotListHead(models.Model):
    """The version of the hot list: one row, locked by whoever changes the list, until the commit."""

    id = models.PositiveSmallIntegerField(primary_key=True)
    version = models.BigIntegerField()

    class Meta:
        constraints = (models.CheckConstraint(condition=models.Q(id=1), name="cards_hot_list_has_one_head"),)


class CardEvent(models.Model):
    """A change of a card: which, from what state to what, why, who and when. Never changed afterwards.

    `transaction_id` names the posting that made it in its commit; the holders are those of a reassignment.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    card = models.ForeignKey(Card, on_delete=models.PROTECT, related_name="events")
    change = models.CharField(max_length=16, blank=True)
    from_state = models.CharField(max_length=8, blank=True)
    to_state = models.CharField(max_length=8)
    reason = models.CharField(max_length=200, blank=True)
    actor = models.CharField(max_length=64)
    at = models.DateTimeField()
    transaction_id = models.UUIDField(null=True)
    from_holder = models.ForeignKey(Holder, on_delete=models.PROTECT, related_name="+", null=True)
    to_holder = models.ForeignKey(Holder, on_delete=models.PROTECT, related_name="+", null=True)

    class Meta:
        ordering = ("at", "id")
        indexes = (
            models.Index(
                fields=("transaction_id",),
                name="cards_event_transaction",
                condition=models.Q(transaction_id__isnull=False),
            ),
        )

    def __str__(self) -> str:
        return f"{self.from_state} > {self.to_state}"


class Phone(models.Model):
    """A card holder's phone, linked by a one-time link that staff showed: tells the balance, makes pay codes.

    Link and cookie are kept as keyed hashes. Times say what happened; a row is never deleted.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    card = models.ForeignKey(Card, on_delete=models.PROTECT, related_name="phones")
    # Goes when the phone is unlinked, and with it every code that the phone could still make.
    credential = models.OneToOneField(Credential, on_delete=models.SET_NULL, null=True, related_name="phone")
    link_hash = models.BinaryField(max_length=32, unique=True)
    link_expires_at = models.DateTimeField()
    offered_at = models.DateTimeField()
    offered_by = models.CharField(max_length=64)
    cookie_hash = models.BinaryField(max_length=32, unique=True, null=True)
    linked_at = models.DateTimeField(null=True)
    unlinked_at = models.DateTimeField(null=True)
    unlinked_by = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ("-offered_at",)
        constraints = (
            models.CheckConstraint(
                condition=models.Q(linked_at__isnull=True, cookie_hash__isnull=True)
                | models.Q(linked_at__isnull=False, cookie_hash__isnull=False),
                name="cards_phone_linked_by_a_cookie",
            ),
            models.CheckConstraint(
                condition=models.Q(unlinked_at__isnull=True) | models.Q(credential__isnull=True),
                name="cards_phone_unlinked_makes_no_codes",
            ),
        )

    def __str__(self) -> str:
        return f"phone of {self.card_id}"


class CardSession(models.Model):
    """A conversation with a card through a terminal, between two calls; swept when it is over.

    `state` holds what is awaited, never a key: session keys are derived anew from the card's at each call.
    """

    class Kind(models.TextChoices):
        CHALLENGE = "challenge"
        PERSONALISE = "personalise"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    terminal_id = models.UUIDField()
    kind = models.CharField(max_length=12, choices=Kind.choices)
    state = models.JSONField()
    expires_at = models.DateTimeField(db_index=True)


class Proof(models.Model):
    """What a finished challenge proved, for one posting of the terminal that asked; found by its hash.

    `counter` is that of the SUN message that named the card: it is used up with the proof.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    lookup = models.BinaryField(max_length=32, unique=True)
    terminal_id = models.UUIDField()
    credential = models.ForeignKey(Credential, on_delete=models.CASCADE)
    counter = models.BigIntegerField(default=-1)
    expires_at = models.DateTimeField(db_index=True)
    # The id of the transaction that used it, set in that transaction's commit; it used no other.
    used_by = models.UUIDField(null=True, unique=True)


class Personalisation(models.Model):
    """The intent to put a card's keys onto a blank, stored before the blank is touched.

    `uid` is the blank's, kept while it is worked on; `key_version` what it gets. Until `awaited_until` the
    next blank on the reader of `terminal_id` is for this card; before it comes there is no `technology`.
    `step` counts the calls of the attempt under way, `step_at` is the last one's; `fault` says why it failed.
    """

    class State(models.TextChoices):
        BEGUN = "begun"
        # From here on the blank may hold any of its new keys.
        CHANGING = "changing"
        DONE = "done"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    card = models.OneToOneField(Card, on_delete=models.PROTECT)
    terminal_id = models.UUIDField()
    technology = models.CharField(max_length=16, default="")
    uid = models.BinaryField(max_length=8, null=True)
    awaited_until = models.DateTimeField(null=True)
    step = models.PositiveSmallIntegerField(default=0)
    step_at = models.DateTimeField(null=True)
    fault = models.CharField(max_length=32, default="")
    key_version = models.PositiveSmallIntegerField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.BEGUN)
    begun_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        indexes = (
            models.Index(
                fields=("terminal_id", "awaited_until"),
                condition=models.Q(awaited_until__isnull=False),
                name="cards_personalisation_awaited",
            ),
        )
        constraints = (
            # A chip keeps the version in one byte, and 0 is its factory's.
            models.CheckConstraint(
                condition=models.Q(key_version__gte=1, key_version__lte=255),
                name="cards_personalisation_version",
            ),
            models.CheckConstraint(
                condition=models.Q(state="done", ended_at__isnull=False)
                | (~models.Q(state="done") & models.Q(ended_at__isnull=True)),
                name="cards_personalisation_end",
            ),
        )
