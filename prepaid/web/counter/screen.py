"""The counter screen as a value: the open card, its history, what is armed and what just happened.

Knows what to show and gathers it; must not decide anything about value.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from prepaid.cards.lifecycle import Change, list_changes
from prepaid.cards.models import Card, CardEvent, Rule
from prepaid.cards.presentation import at_the_desk
from prepaid.cards.rules.in_force import rules_in_force
from prepaid.identifiers import rrn_of
from prepaid.ledger.models import LedgerAnswer
from prepaid.money import exponent_of, is_unit, unit_word
from prepaid.stored_value.answers import Answer, Balance, Refused
from prepaid.stored_value.calls import find_answer
from prepaid.stored_value.history import HistoryLine, list_history, sign_of
from prepaid.stored_value.inquire import inquire
from prepaid.stored_value.pay_out import find_destinations, paid_minor_of
from prepaid.stored_value.reasons import Reason, reason_of
from prepaid.stores.models import Terminal, Till
from prepaid.web.access import Place
from prepaid.web.counter.actions import Action
from prepaid.web.counter.acts import list_acts
from prepaid.web.counter.finding import get_card
from prepaid.web.counter.receipts import Receipt
from prepaid.web.counter.words import CHANGE_NAMES, STATE_NAMES, STATE_TONES, TYPE_NAMES
from prepaid.web.named import name_of, reads_chinese

Mode = Literal["load", "redeem"]
Tone = Literal["in", "out", "back"]
HISTORY_LINES = 50
# A move is voided on the card that gave.
VOIDED_HERE = ("load", "redeem", "move_out", "cash_out", "card_return")
RECENT_LINES = 12
RECENT = timedelta(hours=16)
QUICK_AMOUNTS: dict[Mode, tuple[int, ...]] = {
    "load": (50, 100, 200, 300, 500, 1000),
    "redeem": (10, 20, 30, 50, 80, 100),
}
QUICK_UNITS: dict[Mode, tuple[int, ...]] = {"load": (1, 5, 10, 20, 30, 60), "redeem": (1, 2, 3, 5, 15, 30)}


@dataclass(frozen=True, slots=True)
class Notice:
    """What just happened, in words: what, whether money moved, what to do."""

    tone: Literal["good", "bad", "warn"]
    title: str
    text: str = ""
    answer: Answer | None = None
    new_card_tap: int | None = None
    # Where less went to the holder than left the card.
    paid_minor: int | None = None

    @property
    def amount_minor(self) -> int:
        """Give the amount that stands beside the title."""
        approved = 0 if self.answer is None else self.answer.approved_minor
        return approved if self.paid_minor is None else self.paid_minor


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
    card: Card | None = None
    # What was done to the card itself stands among what was done with it: who and why, and no amount.
    is_event: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCard:
    """The card on the screen, with its money."""

    card: Card
    balance: Balance
    rows: list[Row]
    changes: list[Change]
    stopped_by: CardEvent | None = None
    identity_rule: Rule | None = None

    @property
    def identity_tail(self) -> str:
        """Give the end of its holder's ID number; empty where no identity is recorded."""
        holder = self.card.account.holder
        return holder.id_number_tail if holder is not None and holder.identified_at else ""

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
        return next((row.at for row in self.rows if not row.is_event), None)

    @property
    def has_acts(self) -> bool:
        """Say whether there is anything to do with it beside taking money."""
        return bool(list_acts(self.card, self.balance))

    @property
    def successor(self) -> Card | None:
        """Give the card that took its place."""
        return Card.objects.filter(replaces=self.card).first()

    @property
    def predecessor(self) -> Card | None:
        """Give the card whose place it took."""
        return self.card.replaces


@dataclass(slots=True, kw_only=True)
class Screen:
    """Everything that the counter shows."""

    place: Place
    open: OpenCard | None = None
    mode: Mode = "load"
    armed: Action | None = None
    balance_after_minor: int | None = None
    switch: Card | None = None
    notice: Notice | None = None
    done: Answer | None = None
    receipt: Receipt | None = None
    typed: str = ""
    recent: list[Row] = field(default_factory=list)

    @property
    def quick_amounts(self) -> list[tuple[Mode, list[str]]]:
        """List, for each mode, the amounts that one press types."""
        usual = QUICK_UNITS if is_unit(self.currency) else QUICK_AMOUNTS
        return [(mode, [str(amount) for amount in amounts]) for mode, amounts in usual.items()]

    @property
    def places(self) -> int:
        """Give how many decimals an amount has."""
        return exponent_of(self.currency)

    @property
    def currency(self) -> str:
        """Give what amounts are typed in: the open card's currency or unit, else the store's."""
        return self.open.balance.currency if self.open else self.place.origin.currency

    @property
    def is_in_units(self) -> bool:
        """Say whether the open card counts visits, minutes or privileges."""
        return is_unit(self.currency)

    @property
    def units(self) -> tuple[str, str]:
        """Name the open card's unit, after one and after many."""
        return unit_word(self.currency, 1), unit_word(self.currency, 2)

    @property
    def unit_price_minor(self) -> int | None:
        """Give what one unit costs, in the store's money; None where the program does not say."""
        return self.open.card.program.unit_price if self.open and self.is_in_units else None

    @property
    def price_minor(self) -> int | None:
        """Give what the armed load of units costs: what the posting keeps as its price."""
        if self.armed is None or self.armed.kind != "load" or self.unit_price_minor is None:
            return None
        return self.unit_price_minor * self.armed.money.amount_minor


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
    wheres = _name_origins((line.origin_id for line in lines), place)
    today = place.origin.business_date_at(now)
    rows = [_row_of(line, balance.currency, wheres, may_void=_may_void(line, place, today)) for line in lines]
    return OpenCard(
        card=card,
        balance=balance,
        rows=_by_time(rows + list_events(card, balance.currency)),
        changes=list_changes(card.state),
        identity_rule=rules_in_force(card.program.rule_set_id, today).get("identity_required_when"),
        stopped_by=None if balance.state == "active" else card.events.filter(to_state=card.state).last(),
    )


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
                currency=answer.currency or place.store.currency,
                rrn=rrn_of(answer.id),
                card=cards.get(answer.presented_id) if answer.presented_id else None,
            )
        )
    return rows


def notice_of(answer: Answer, action: Action) -> Notice:
    """Say what a commit did: done with its receipt, or why not, whether money moved and what to do."""
    if not answer.approved:
        return explain(answer.why)
    titles = {"load": _("Top-up done"), "redeem": _("Redeemed"), "void": _("Voided")}
    return Notice("good", titles[action.kind], answer=answer)


def tell_done(screen: Screen, transaction_id: UUID | None) -> None:
    """Tell of a transaction that this till has just made on another page, with its receipt."""
    answer = None if transaction_id is None else find_answer(transaction_id, origin_id=screen.place.till.id)
    if answer is None or not answer.approved or screen.open is None or answer.card_id != screen.open.card.id:
        return
    titles = {
        "move": _("Moved"),
        "cash_out": _("Paid out"),
        "card_return": _("The card is closed. Paid out:"),
    }
    title = titles.get(answer.type, "")
    if answer.type == "move" and screen.open.card.state == "closed":
        title = _("Merged, and the card is closed:")
    paid_out = answer.type in ("cash_out", "card_return")
    paid_minor = paid_minor_of(find_destinations(answer.id)) if paid_out else None
    screen.notice = Notice("good", title, answer=answer, paid_minor=paid_minor)
    screen.done = answer


def refusal_of(reason: str | None) -> Notice:
    """Say why an action is refused; nothing was posted."""
    return explain(reason_of(reason))


def explain(why: Reason) -> Notice:
    """Say a reason in the page's language: what it is, whether money moved, what to do, by which rule."""
    sentence = why.zh if reads_chinese() else why.en
    first, mark, rest = sentence.partition("。" if reads_chinese() else ". ")
    return Notice("bad", first + ("。" if reads_chinese() and mark else "." if mark else ""), rest)


def _row_of(line: HistoryLine, currency: str, wheres: dict[UUID, str], *, may_void: bool) -> Row:
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
        may_void=may_void,
    )


def _tone_of(kind: str, sign: int) -> Tone:
    if kind in ("void", "reversal"):
        return "back"
    return "in" if sign > 0 else "out"


def _may_void(line: HistoryLine, place: Place, today: object) -> bool:
    """Say whether a void is worth offering; whether it is allowed is decided by the posting itself."""
    return (
        line.type in VOIDED_HERE
        and not line.undone
        and line.store_id == place.store.id
        and place.origin.business_date_at(line.recorded_at) == today
    )


def _name_origins(origin_ids: Iterable[UUID], place: Place) -> dict[UUID, str]:
    wanted = set(origin_ids)
    named: dict[UUID, str] = {}
    for model in (Till, Terminal):
        for origin in model.objects.filter(pk__in=wanted).select_related("store"):
            named[origin.pk] = f"{name_of(origin.store)} · {origin.name}"
    return named
