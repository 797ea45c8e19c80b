"""What an armed Enter does: the same posting is previewed when it is armed and made when it is committed.

Knows the forms' fields and the functions of stored value; must not know templates.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, get_args
from uuid import UUID

import msgspec
from django.http import QueryDict
from django.utils import timezone

from prepaid.cards.models import Program
from prepaid.cards.presentation import at_the_desk
from prepaid.identifiers import uuid7
from prepaid.keys import site_keys
from prepaid.money import AMOUNT_MINOR_MAX, Money
from prepaid.stored_value.answers import Answer
from prepaid.stored_value.hold import capture, hold, release
from prepaid.stored_value.load import load
from prepaid.stored_value.preview import Preview, preview
from prepaid.stored_value.redeem import redeem
from prepaid.stored_value.refund import refund
from prepaid.stored_value.requests import Request
from prepaid.stored_value.undo import void
from prepaid.tenders import Tender
from prepaid.web.access import Place

Kind = Literal["load", "redeem", "hold", "void", "refund", "capture", "release"]
# These do something to an earlier transaction; of two of them the amount may be another than the original's.
OF_AN_ORIGINAL: tuple[Kind, ...] = ("void", "refund", "capture", "release")
OF_A_PART: tuple[Kind, ...] = ("refund", "capture")
UUID_VERSION = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """An action on a card. `id` is made when it is armed and becomes the transaction's."""

    id: UUID
    kind: Kind
    card_id: UUID
    money: Money
    original: UUID | None = None
    tender: Tender = "cash"

    @property
    def content(self) -> bytes:
        """Write down what this asks for, to tell a repeat from another action under the same id."""
        return msgspec.json.encode(
            [
                self.kind,
                self.card_id,
                self.money.amount_minor,
                self.money.currency,
                self.original,
                self.tender,
            ]
        )


def is_possible(kind: str | None, amount_minor: int) -> bool:
    """Say whether an action can be of an amount; the void of an empty card's close gives nothing back."""
    return (0 if kind == "void" else 1) <= amount_minor <= AMOUNT_MINOR_MAX


def arm(kind: Kind, card_id: UUID, money: Money, *, original: UUID | None = None) -> Action:
    """Make an action with a fresh id."""
    return Action(id=uuid7(), kind=kind, card_id=card_id, money=money, original=original)


def read_action(fields: QueryDict, *, currency: str) -> Action | None:
    """Read the armed action that a form carries back; None where there is none, or not a whole one."""
    try:
        transaction_id = UUID(fields.get("id", ""))
        card_id = UUID(fields.get("card", ""))
        original = UUID(given) if (given := fields.get("original", "")) else None
        amount_minor = int(fields.get("amount_minor", ""))
    except ValueError:
        return None
    kind = fields.get("kind")
    if kind not in get_args(Kind) or (kind in OF_AN_ORIGINAL) != (original is not None):
        return None
    if transaction_id.version != UUID_VERSION or not is_possible(kind, amount_minor):
        return None
    money = Money(amount_minor, currency)
    return Action(id=transaction_id, kind=kind, card_id=card_id, money=money, original=original)  # type: ignore[arg-type]


def commit(action: Action, place: Place) -> Answer:
    """Make the posting. Raises IdReused and TryAgain."""
    now = timezone.now()
    request = Request(
        id=action.id,
        origin=place.origin,
        digest=site_keys().content_digest(action.content),
        occurred_at=now,
        recorded_at=now,
        operator=place.operator,
    )
    if action.original is not None:
        return _commit_to_original(request, action, action.original)
    presentation = at_the_desk(action.card_id)
    if action.kind == "load":
        return load(request, presentation, action.money, tender=action.tender)
    if action.kind == "hold":
        return hold(request, presentation, action.money, expires_at=hold_ends_at(action.card_id, now))
    return redeem(request, presentation, action.money)


def hold_ends_at(card_id: UUID, now: datetime) -> datetime:
    """Give until when a hold lasts that is placed now: its program says so."""
    days = Program.objects.filter(card=card_id).values_list("hold_days", flat=True).first()
    return now + timedelta(days=days or 1)


def _commit_to_original(request: Request, action: Action, original: UUID) -> Answer:
    match action.kind:
        case "refund":
            return refund(request, original, action.money)
        case "capture":
            return capture(request, original, action.money)
        case "release":
            return release(request, original)
        case _:
            return void(request, original)


def foresee(action: Action, place: Place) -> Preview:
    """Tell what a commit would answer now, by the very posting that it makes. Raises TryAgain."""
    return preview(lambda: commit(action, place))
