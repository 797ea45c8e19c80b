"""The counter screen as a value: the open card, its history, what is armed and what just happened.

Knows what to show and gathers it; must not decide anything about value.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Literal
from uuid import UUID

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from prepaid.cards.lifecycle import Change, list_changes
from prepaid.cards.models import Card, CardEvent, Rule
from prepaid.cards.personalise import may_get_a_chip
from prepaid.cards.presentation import at_the_desk
from prepaid.cards.rules.in_force import rules_in_force
from prepaid.money import exponent_of, is_unit, unit_word
from prepaid.stored_value.answers import Answer, Balance, Refused
from prepaid.stored_value.bonus import BonusPart, BonusStanding, get_standing
from prepaid.stored_value.calls import find_answer
from prepaid.stored_value.inquire import inquire
from prepaid.stored_value.pay_out import find_destinations, paid_minor_of
from prepaid.stored_value.preview import Preview
from prepaid.stored_value.reasons import Reason, reason_of
from prepaid.web.access import Place
from prepaid.web.counter.actions import Action
from prepaid.web.counter.acts import list_acts
from prepaid.web.counter.asks import list_asks
from prepaid.web.counter.finding import get_card
from prepaid.web.counter.receipts import Receipt
from prepaid.web.counter.rows import Row, list_rows
from prepaid.web.counter.words import STATE_NAMES, STATE_TONES
from prepaid.web.named import reads_chinese

Mode = Literal["load", "redeem", "hold"]
QUICK_AMOUNTS: dict[Mode, tuple[int, ...]] = {
    "load": (50, 100, 200, 300, 500, 1000),
    "redeem": (10, 20, 30, 50, 80, 100),
    "hold": (50, 100, 200, 300, 500, 1000),
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
class OpenCard:
    """The card on the screen, with its money."""

    card: Card
    balance: Balance
    bonus: BonusStanding
    rows: list[Row]
    changes: list[Change]
    stopped_by: CardEvent | None = None
    identity_rule: Rule | None = None
    # Whether a blank may be written as this card at the terminal beside the till.
    takes_a_blank: bool = False

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
        return bool(list_acts(self.card, self.balance) or list_asks(self.balance))

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
    today = place.origin.business_date_at(now)
    return OpenCard(
        card=card,
        balance=balance,
        bonus=get_standing(card.account_id),
        rows=list_rows(card, balance.currency, place, today),
        changes=list_changes(card.state),
        identity_rule=rules_in_force(card.program.rule_set_id, today).get("identity_required_when"),
        takes_a_blank=place.till.terminal_id is not None
        and may_get_a_chip(card, store_id=place.store.id, at=now),
        stopped_by=None if balance.state == "active" else card.events.filter(to_state=card.state).last(),
    )


def notice_of(answer: Answer, action: Action) -> Notice:
    """Say what a commit did: done with its receipt, or why not, whether money moved and what to do."""
    if not answer.approved:
        return explain(answer.why)
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
