"""The lines of the counter: what happened on a card, or at a till, with who and where.

Knows history and words; must not know what is armed, nor decide a void.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Literal
from uuid import UUID

from django.utils import timezone
from django.utils.functional import Promise

from prepaid.cards.models import Card, CardEvent
from prepaid.identifiers import rrn_of
from prepaid.ledger.models import LedgerAnswer
from prepaid.stored_value.history import HistoryLine, list_history, list_open_holds, sign_of
from prepaid.stores.models import Terminal, Till
from prepaid.web.access import Place
from prepaid.web.counter.words import CHANGE_NAMES, RESOLUTION_NAMES, TYPE_NAMES
from prepaid.web.named import name_of

Tone = Literal["in", "out", "back", "held"]
HISTORY_LINES = 50
# A move is voided on the card that gave.
VOIDED_HERE = ("load", "refund", "move_out", "cash_out", "card_return")
RECENT_LINES = 12
RECENT = timedelta(hours=16)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of a history, as it is read."""

    id: UUID
    at: datetime
    name: str | Promise
    tone: Tone
    where: str
    signed_minor: int
    currency: str
    balance_after_minor: int | None = None
    rrn: str = ""
    undone: bool = False
    may_void: bool = False
    refundable_minor: int = 0
    # Of a hold: until when it lasts while it is open, and how it ended.
    held_minor: int = 0
    open_until: datetime | None = None
    resolution: str | Promise = ""
    may_settle: bool = False
    has_receipt: bool = True
    card: Card | None = None
    # What was done to the card itself stands among what was done with it: who and why, and no amount.
    is_event: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _EmptyClose:
    """A transaction that closed a card and moved nothing, and the event that tells of it."""

    id: UUID
    event_id: UUID
    where: str


def list_rows(card: Card, currency: str, place: Place, today: date) -> list[Row]:
    """List what happened on a card and to it, the latest first, with every open hold."""
    lines = list_history(card.account_id, limit=HISTORY_LINES)
    # An open hold is always in sight, however much came after it.
    listed = {line.id for line in lines}
    lines += [line for line in list_open_holds(card.account_id) if line.id not in listed]
    wheres = _name_origins((line.origin_id for line in lines), place)
    rows = [_row_of(line, currency, wheres, place, today) for line in lines]
    empty = _find_empty_close(card, place, today)
    return _by_time(
        rows
        + [
            replace(row, id=empty.id, rrn=rrn_of(empty.id), where=empty.where, may_void=True)
            if empty is not None and row.id == empty.event_id
            else row
            for row in list_events(card, currency)
        ]
    )


def _find_empty_close(card: Card, place: Place, today: date) -> _EmptyClose | None:
    """Find what closed a card without moving anything, where a void of it is worth offering.

    No transaction stands in the history for it: the event's line offers the void.
    """
    event = card.events.filter(change="close").last() if card.state == Card.State.CLOSED else None
    if event is None or event.transaction_id is None or Card.objects.filter(replaces=card).exists():
        return None
    answer = LedgerAnswer.objects.filter(pk=event.transaction_id, position=None).first()
    if (
        answer is None
        or place.origin.business_date_at(answer.recorded_at) != today
        or not Till.objects.filter(pk=answer.origin_id, store=place.store).exists()
    ):
        return None
    where = _name_origins([answer.origin_id], place).get(answer.origin_id, "")
    return _EmptyClose(id=answer.id, event_id=event.id, where=where)


def list_events(card: Card, currency: str) -> list[Row]:
    """List what was done to a card itself, oldest first; that it became active goes without saying."""
    events = card.events.exclude(change="activate").select_related("from_holder", "to_holder")
    return [
        Row(
            id=event.id,
            at=event.at,
            name=CHANGE_NAMES.get(event.change, event.change),
            tone="out",
            where="",
            signed_minor=0,
            currency=currency,
            is_event=True,
            note=" · ".join(part for part in (_holders_of(event), event.reason, event.actor) if part),
        )
        for event in events
    ]


def _by_time(rows: list[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: row.at, reverse=True)[:HISTORY_LINES]


def _holders_of(event: CardEvent) -> str:
    names = [holder.name for holder in (event.from_holder, event.to_holder) if holder]
    return " → ".join(names)


def list_recent(place: Place) -> list[Row]:
    """List what this till and its terminal did last, for the screen without a card."""
    origins = [place.till.id] + ([place.till.terminal_id] if place.till.terminal_id else [])
    since = UUID(int=int((timezone.now() - RECENT).timestamp() * 1000) << 80)
    answers = LedgerAnswer.objects.filter(
        id__gte=since, origin_id__in=origins, outcome="approved", position__isnull=False
    ).order_by("-id")[:RECENT_LINES]
    found = list(answers)
    originals = LedgerAnswer.objects.in_bulk([answer.original_id for answer in found if answer.original_id])
    cards = Card.objects.in_bulk([answer.presented_id for answer in found if answer.presented_id])
    wheres = _name_origins((answer.origin_id for answer in found), place)
    rows = []
    for answer in found:
        original = originals.get(answer.original_id) if answer.original_id else None
        kind, undoes = answer.type or "", original.type if original else None
        sign = sign_of(kind, undoes)
        rows.append(
            Row(
                id=answer.id,
                at=answer.recorded_at,
                name=TYPE_NAMES.get((kind, undoes), kind),
                tone=_tone_of(kind, sign),
                where=wheres.get(answer.origin_id, ""),
                signed_minor=sign * answer.approved_amount,
                held_minor=answer.approved_amount if sign == 0 else 0,
                currency=answer.currency or place.store.currency,
                rrn=rrn_of(answer.id),
                card=cards.get(answer.presented_id) if answer.presented_id else None,
            )
        )
    return rows


def _row_of(line: HistoryLine, currency: str, wheres: dict[UUID, str], place: Place, today: object) -> Row:
    here = line.store_id == place.store.id
    is_open = line.type == "hold" and line.resolution is None
    return Row(
        id=line.id,
        at=line.recorded_at,
        name=TYPE_NAMES.get((line.type, line.undoes), line.type),
        tone=_tone_of(line.type, line.signed_minor),
        where=wheres.get(line.origin_id, ""),
        signed_minor=line.signed_minor,
        currency=currency,
        balance_after_minor=line.balance_after_minor,
        rrn=line.rrn,
        undone=line.undone,
        may_void=_may_void(line, place, today),
        refundable_minor=line.refundable_minor if here and not line.undone else 0,
        held_minor=line.amount_minor if line.signed_minor == 0 else 0,
        open_until=line.expires_at if is_open else None,
        resolution=RESOLUTION_NAMES.get(line.resolution or "", "") if not line.undone else "",
        may_settle=is_open and here,
        has_receipt=line.has_answer,
    )


def _tone_of(kind: str, sign: int) -> Tone:
    if kind in ("void", "reversal", "refund"):
        return "back"
    if sign == 0:
        return "held"
    return "in" if sign > 0 else "out"


def _may_void(line: HistoryLine, place: Place, today: object) -> bool:
    """Say whether a void is worth offering; whether it is allowed is decided by the posting itself."""
    return (
        (line.type in VOIDED_HERE or (line.type in ("redeem", "capture") and not _is_refunded(line)))
        and not line.undone
        and line.store_id == place.store.id
        and place.origin.business_date_at(line.recorded_at) == today
    )


def _is_refunded(line: HistoryLine) -> bool:
    return line.refundable_minor < line.amount_minor


def _name_origins(origin_ids: Iterable[UUID], place: Place) -> dict[UUID, str]:
    wanted = set(origin_ids)
    named: dict[UUID, str] = {}
    for model in (Till, Terminal):
        for origin in model.objects.filter(pk__in=wanted).select_related("store"):
            named[origin.pk] = f"{name_of(origin.store)} · {origin.name}"
    return named
