"""The terminal API's messages, version 1: the one place where their fields and bounds stand.

Knows names, types and limits of what travels; must not know HTTP, signing, Django or a database.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

AMOUNT_MINOR_MAX = 10**12
BODY_BYTES_MAX = 256 * 1024

AmountMinor = Annotated[int, Meta(ge=1, le=AMOUNT_MINOR_MAX, description="Integer minor units.")]
Currency = Annotated[str, Meta(pattern="^[A-Z]{3}$", max_length=3, description="ISO 4217 alphabetic code.")]
Sequence = Annotated[int, Meta(ge=1, le=2**53, description="The terminal's own counter (STAN).")]
Moment = Annotated[datetime, Meta(tz=True, description="RFC 3339 with an offset.")]
Operator = Annotated[str, Meta(max_length=32, description="Code of the person at the terminal.")]
Note = Annotated[str, Meta(max_length=200)]
Pin = Annotated[str, Meta(min_length=1, max_length=12, description="For what the card alone may not spend.")]
Hex = Annotated[str, Meta(pattern="^([0-9A-Fa-f]{2})*$(?!\\n)", max_length=1024)]
Count = Annotated[int, Meta(ge=0, le=2**31 - 1)]
SumMinor = Annotated[int, Meta(ge=0, le=2**53, description="Integer minor units.")]

CardUid = Annotated[str, Meta(pattern="^([0-9A-Fa-f]{2}){4,10}$(?!\\n)")]
Entry = Literal["tap", "scan", "keyed"]
Outcome = Literal["approved", "declined"]
MoneyMoved = Literal["yes", "no", "unknown"]
Retry = Literal["same", "new", "never"]
Fix = Literal["customer", "operator", "manager", "support"]
TransactionType = Literal["load", "redeem", "hold", "capture", "release", "refund", "void", "reversal"]


class Message(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A message whose unknown fields are refused."""


class Said(Struct, frozen=True, kw_only=True):
    """A message that the site says: a client ignores fields it does not know."""


# Presenting a card


class SunCard(Message, frozen=True, kw_only=True, omit_defaults=True, tag="sun", tag_field="method"):
    """The NDEF URI as read from an ISO-DEP tag, with `picc_data`, `cmac` and perhaps `enc`."""

    uri: Annotated[str, Meta(min_length=1, max_length=1024)]
    pin: Pin | None = None
    entry: Entry | None = None


class TokenCard(Message, frozen=True, kw_only=True, omit_defaults=True, tag="token", tag_field="method"):
    """What a finished challenge gave: valid 60 s, one use."""

    token: Annotated[str, Meta(min_length=1, max_length=200)]
    pin: Pin | None = None
    entry: Entry | None = None


class UidCard(Message, frozen=True, kw_only=True, omit_defaults=True, tag="uid", tag_field="method"):
    """A bare UID: low trust, only where the program allows it."""

    uid: CardUid
    technology: Annotated[str, Meta(min_length=1, max_length=32)]
    pin: Pin | None = None
    entry: Entry | None = None


class PayCodeCard(Message, frozen=True, kw_only=True, tag="pay_code", tag_field="method"):
    """The holder's rotating code."""

    code: Annotated[str, Meta(min_length=1, max_length=64)]
    entry: Entry | None = None


class NumberCard(Message, frozen=True, kw_only=True, tag="number", tag_field="method"):
    """The printed card number, with its PIN where the program asks for it."""

    number: Annotated[str, Meta(min_length=8, max_length=32)]
    pin: Pin | None = None
    entry: Entry | None = None


class QrCard(Message, frozen=True, kw_only=True, omit_defaults=True, tag="qr", tag_field="method"):
    """The card's printed code, a bearer secret."""

    code: Annotated[str, Meta(min_length=1, max_length=64)]
    pin: Pin | None = None
    entry: Entry | None = None


Card = SunCard | TokenCard | UidCard | PayCodeCard | NumberCard | QrCard


class Tender(Message, frozen=True, kw_only=True, omit_defaults=True):
    """How the money of a load came in; `price` is what units cost, in the store's currency."""

    type: Literal["cash", "bank_card", "alipay", "wechat_pay", "bank_transfer"]
    reference: Annotated[str, Meta(max_length=64)] | None = None
    price: AmountMinor | None = None


# Transactions


class StandInProof(Message, frozen=True, kw_only=True):
    """Under which grant a terminal approved a transaction by itself."""

    grant: Annotated[str, Meta(max_length=1024)]


class Posting(Message, frozen=True, kw_only=True, tag_field="type"):
    """What every transaction carries; `id` is a UUIDv7 made by the caller and is the idempotency key."""

    id: UUID
    sequence: Sequence
    occurred_at: Moment
    operator: Operator | None = None
    note: Note | None = None
    # Left out where it is not set: what is told at once has the content that it always had.
    stand_in: StandInProof | UnsetType = UNSET


class Load(Posting, frozen=True, kw_only=True, tag="load"):
    """Add value against a tender."""

    card: Card
    amount: AmountMinor
    currency: Currency
    tender: Tender


class Redeem(Posting, frozen=True, kw_only=True, tag="redeem"):
    """Spend value; `allow_partial` approves what is available."""

    card: Card
    amount: AmountMinor
    currency: Currency
    allow_partial: bool = False


class Hold(Posting, frozen=True, kw_only=True, tag="hold"):
    """Reserve value until captured, released or expired."""

    card: Card
    amount: AmountMinor
    currency: Currency
    expires_in_s: Annotated[int, Meta(ge=1, le=366 * 86_400)]


class Capture(Posting, frozen=True, kw_only=True, tag="capture"):
    """Spend from a hold."""

    original: UUID
    amount: AmountMinor
    currency: Currency


class Release(Posting, frozen=True, kw_only=True, tag="release"):
    """Give a hold back whole."""

    original: UUID


class Refund(Posting, frozen=True, kw_only=True, tag="refund"):
    """Give back value of an earlier redeem, into the very lots it took."""

    original: UUID
    amount: AmountMinor
    currency: Currency


class Void(Posting, frozen=True, kw_only=True, tag="void"):
    """Undo a known transaction before its batch closes, whole."""

    original: UUID


class Reversal(Posting, frozen=True, kw_only=True, tag="reversal"):
    """Undo a transaction whose answer never came; always safe to repeat."""

    original: UUID


Transaction = Load | Redeem | Hold | Capture | Release | Refund | Void | Reversal


class CardShown(Said, frozen=True, kw_only=True):
    """What may be shown of a card."""

    number_masked: str
    program: str


class Texts(Said, frozen=True, kw_only=True):
    """One sentence in each language."""

    en: str
    zh: str


class Answer(Said, frozen=True, kw_only=True):
    """The stored answer of a transaction: the same body for the first call and each repeat.

    `hash` is the account's chain over its transactions after this one; null where nothing was posted.
    `balance` and `available` are null where nobody proved the card, as for a load by bare number; `card` is
    null where its proof failed.
    """

    id: UUID
    rrn: str
    type: TransactionType
    outcome: Outcome
    reason: str | None
    approved_amount: int
    currency: str | None
    balance: int | None
    available: int | None
    card: CardShown | None
    money_moved: MoneyMoved
    retry: Retry
    fix: Fix | None
    message: Texts
    recorded_at: datetime
    hash: str | None


# Inquiry


class InquiryRequest(Message, frozen=True, kw_only=True):
    """Ask for a card's balance; moves nothing."""

    card: Card


class CardState(Said, frozen=True, kw_only=True):
    """A card as an inquiry tells it."""

    number_masked: str
    state: str
    program: str


class Inquiry(Said, frozen=True, kw_only=True):
    """A card's balance: available = balance - held, all in minor units."""

    card: CardState
    currency: str
    balance: int
    available: int
    held: int
    expires_on: str | None


# Enrolment, policy and health


class EnrolRequest(Message, frozen=True, kw_only=True):
    """A terminal's first call: the one that is not signed."""

    code: Annotated[str, Meta(min_length=1, max_length=64)]
    public_key: Annotated[str, Meta(min_length=44, max_length=44, description="Base64 of 32 raw bytes.")]
    agent_version: Annotated[str, Meta(max_length=32)]
    platform: Annotated[str, Meta(max_length=120)]


class StoreShown(Said, frozen=True, kw_only=True):
    """A store's code and name."""

    code: str
    name: str


class Enrolled(Said, frozen=True, kw_only=True):
    """What a terminal keeps of its enrolment."""

    terminal_id: UUID
    name: str
    store: StoreShown
    currency: str
    timezone: str
    policy: dict[str, Any]


class Component(Message, frozen=True, kw_only=True):
    """One part of a terminal and how it is."""

    name: Annotated[str, Meta(max_length=32)]
    status: Annotated[str, Meta(max_length=32)]
    code: Annotated[str, Meta(max_length=32)] | None = None


class Fault(Message, frozen=True, kw_only=True):
    """A fault that the terminal named itself."""

    code: Annotated[str, Meta(max_length=32)]
    at: Moment
    entry: Entry | None = None
    operator: Operator | None = None
    detail: Annotated[str, Meta(max_length=500)] | None = None


class QueueState(Message, frozen=True, kw_only=True):
    """Transactions written on the terminal and not yet answered."""

    count: Count
    amount: SumMinor
    oldest_at: Moment | None = None


class Heartbeat(Message, frozen=True, kw_only=True):
    """How a terminal is, told every minute or so, with the versions of policy and hot list that it holds."""

    agent_version: Annotated[str, Meta(max_length=32)]
    files_hash: Annotated[str, Meta(max_length=128)] | None = None
    clock: Moment
    queue: QueueState
    components: Annotated[list[Component], Meta(max_length=32)] = []
    faults: Annotated[list[Fault], Meta(max_length=200)] = []
    policy_version: Count | None = None
    hot_list_version: Count | None = None


class HeartbeatAnswer(Said, frozen=True, kw_only=True):
    """What the site wants a terminal to know: `name` as it is called now; a `standby` may not sell."""

    server_time: datetime
    policy_version: int
    hot_list_version: int
    minimum_agent_version: str
    locked: bool
    message: Texts | None
    name: str = ""
    standby: bool = False


class TypeTotal(Message, frozen=True, kw_only=True):
    """Approved transactions of one type in a batch: how many, and their sum in minor units."""

    count: Count
    amount: SumMinor


class BatchClose(Message, frozen=True, kw_only=True):
    """A terminal's own totals for its batch."""

    first_sequence: Sequence
    last_sequence: Sequence
    totals: dict[TransactionType, TypeTotal]


class BatchAnswer(Said, frozen=True, kw_only=True):
    """The comparison: `differences` holds, for each type that differs, both sides."""

    batch: UUID
    balanced: bool
    missing_sequences: list[int]
    differences: dict[str, Any]


class Problem(Said, frozen=True, kw_only=True):
    """RFC 9457, with our `code`, and the fields at fault."""

    type: str
    title: str
    status: int
    code: str
    detail: str = ""
    errors: dict[str, list[str]] = {}


def content(message: Message) -> bytes:
    """Encode a message in its one canonical form: sorted keys, defaults written out.

    Two requests have the same content exactly when these bytes are equal.
    """
    return msgspec.json.encode(message, order="sorted")


def content_to_compare(message: Message) -> bytes:
    """Encode what a repeat must have in common with its first call: all but the PIN, and what was left out.

    A repeat must not tell a right PIN from a wrong one; a field that a later version adds changes nothing.
    """
    return msgspec.json.encode(_without_pin(msgspec.to_builtins(message)), order="sorted")


def _without_pin(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {name: _without_pin(part) for name, part in value.items() if part is not None and name != "pin"}
