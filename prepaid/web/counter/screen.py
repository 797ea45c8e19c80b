"""The counter screen as a value: the open card, its history, what is armed and what just happened.

Knows what to show and gathers it; must not decide anything about value.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Literal
from uuid import UUID

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from prepaid.cards.lifecycle import Change, list_changes
from prepaid.cards.models import Card, CardEvent
from prepaid.cards.presentation import at_the_desk
from prepaid.identifiers import rrn_of
from prepaid.ledger.models import LedgerAnswer
from prepaid.money import exponent_of
from prepaid.stored_value.answers import Answer, Balance, Refused
from prepaid.stored_value.bonus import BonusPart, BonusStanding, get_standing
from prepaid.stored_value.history import HistoryLine, list_history, list_open_holds, sign_of
from prepaid.stored_value.inquire import inquire
from prepaid.stored_value.preview import Preview
from prepaid.stored_value.reasons import reason_of
from prepaid.stores.models import Terminal, Till
from prepaid.web.access import Place
from prepaid.web.counter.actions import Action
from prepaid.web.counter.finding import get_card
from prepaid.web.counter.receipts import Receipt
from prepaid.web.counter.words import RESOLUTION_NAMES, STATE_NAMES, STATE_TONES, TYPE_NAMES
from prepaid.web.named import name_of, reads_chinese

Mode = Literal["load", "redeem", "hold"]
Tone = Literal["in", "out", "back", "held"]
HISTORY_LINES = 50
RECENT_LINES = 12
RECENT = timedelta(hours=16)
QUICK_AMOUNTS: dict[Mode, tuple[int, ...]] = {
    "load": (50, 100, 200, 300, 500, 1000),
    "redeem": (10, 20, 30, 50, 80, 100),
    "hold": (50, 100, 200, 300, 500, 1000),
}


@dataclass(frozen=True, slots=True)
class Notice:
    """What just happened, in words: what, whether money moved, what to do."""

    tone: Literal["good", "bad", "warn"]
    title: str
    text: str = ""
    answer: Answer | None = None
    new_card_tap: int | None = None


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


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCard:
    """The card on the screen, with its money."""

    card: Card
    balance: Balance
    bonus: BonusStanding
    rows: list[Row]
    changes: list[Change]
    stopped_by: CardEvent | None = None

    @property
    def state_name(self) -> str | Promise:
        """Name its state."""
        return STATE_NAMES.get(self.balance.state, self.balance.state)

    @property
    def state_tone(self) -> str:
        """Give the tone of its state's tag."""
        return STATE_TONES.get(self.balance.state, "bad")

    @property
    def takes_money(self) -> bool:
        """Say whether amounts are worth typing."""
        return self.balance.state == "active"

    @property
    def holder_name(self) -> str:
        """Name its holder, or say that it has none."""
        holder = self.card.account.holder
        return holder.name if holder else _("Gift card")

    @property
    def last_used_at(self) -> datetime | None:
        """Give when its last transaction was."""
        return self.rows[0].at if self.rows else None


@dataclass(slots=True, kw_only=True)
class Screen:
    """Everything that the counter shows."""

    place: Place
    open: OpenCard | None = None
    mode: Mode = "load"
    armed: Action | None = None
    foreseen: Preview | None = None
    # What a refund was typed for before its purchase was chosen. Minor units.
    wanted_minor: int | None = None
    switch: Card | None = None
    notice: Notice | None = None
    done: Answer | None = None
    receipt: Receipt | None = None
    typed: str = ""
    recent: list[Row] = field(default_factory=list)

    @property
    def balance_after_minor(self) -> int | None:
        """Give the balance as the armed action would leave it."""
        return self.foreseen.balance_after_minor if self.foreseen else None

    @property
    def bonus_minor(self) -> int:
        """Give the bonus that comes at once with the armed top-up."""
        return sum(part.amount_minor for part in self._bonus if part.number == 1)

    @property
    def bonus_later_minor(self) -> int:
        """Give the bonus that comes later."""
        return sum(part.amount_minor for part in self._bonus if part.number > 1)

    @property
    def bonus_last_on(self) -> date | None:
        """Give the day on which the last part of the bonus comes."""
        return self._bonus[-1].due_on if self._bonus else None

    @property
    def _bonus(self) -> list[BonusPart]:
        return self.foreseen.bonus if self.foreseen else []

    @property
    def hold_ends_at(self) -> datetime | None:
        """Give until when a hold lasts that is placed now on the open card."""
        if self.open is None:
            return None
        return timezone.now() + timedelta(days=self.open.card.program.hold_days)

    @property
    def chosen(self) -> Row | None:
        """Give the row of the history that the armed action is about."""
        rows = self.open.rows if self.open and self.armed else []
        return next((row for row in rows if self.armed and row.id == self.armed.original), None)

    @property
    def quick_amounts(self) -> list[tuple[Mode, list[str]]]:
        """List, for each mode, the amounts that one press types."""
        return [(mode, [str(amount) for amount in amounts]) for mode, amounts in QUICK_AMOUNTS.items()]

    @property
    def places(self) -> int:
        """Give how many decimals an amount has."""
        return exponent_of(self.place.store.currency)


def open_card(card_id: UUID, place: Place) -> OpenCard | None:
    """Gather a card for the screen; None where there is no such card. Raises TryAgain."""
    card = get_card(card_id)
    if card is None:
        return None
    now = timezone.now()
    try:
        balance = inquire(place.origin, at_the_desk(card_id), at=now)
    except Refused:
        return None
    lines = list_history(card.account_id, limit=HISTORY_LINES)
    # An open hold is always in sight, however much came after it.
    listed = {line.id for line in lines}
    lines += [line for line in list_open_holds(card.account_id) if line.id not in listed]
    wheres = _name_origins((line.origin_id for line in lines), place)
    today = place.origin.business_date_at(now)
    rows = [_row_of(line, balance.currency, wheres, place, today) for line in lines]
    return OpenCard(
        card=card,
        balance=balance,
        bonus=get_standing(card.account_id),
        rows=rows,
        changes=list_changes(card.state),
        stopped_by=None if balance.state == "active" else card.events.filter(to_state=card.state).last(),
    )


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


def notice_of(answer: Answer, action: Action) -> Notice:
    """Say what a commit did: done with its receipt, or why not, whether money moved and what to do."""
    if not answer.approved:
        return refusal_of(answer.reason)
    titles = {
        "load": _("Top-up done"),
        "redeem": _("Redeemed"),
        "hold": _("Held"),
        "capture": _("Captured"),
        "release": _("Hold released"),
        "refund": _("Refunded"),
        "void": _("Voided"),
    }
    return Notice("good", titles[action.kind], answer=answer)


def refusal_of(reason: str | None) -> Notice:
    """Say why an action is refused; nothing was posted."""
    row = reason_of(reason)
    sentence = row.zh if reads_chinese() else row.en
    first, mark, rest = sentence.partition("。" if reads_chinese() else ". ")
    return Notice("bad", first + ("。" if reads_chinese() and mark else "." if mark else ""), rest)


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
        (line.type in ("load", "refund") or (line.type in ("redeem", "capture") and not _is_refunded(line)))
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
