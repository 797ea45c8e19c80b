"""The figures of the report: topped up, bonus, redeemed, expired, liability, active cards; by day and store.

Knows how postings add up to figures; must not know screens or files. One currency at a time, minor units.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from django.db import connection

from prepaid.reports.periods import Period

# Which figure a type of transaction moves, and which way; a void or a reversal moves it back.
EFFECTS = {
    "load": ("topped_up", 1),
    # Owed to card holders as well, but no money came in with it.
    "import": ("brought_in", 1),
    "redeem": ("redeemed", 1),
    "capture": ("redeemed", 1),
    "refund": ("redeemed", -1),
    "bonus": ("bonus", 1),
    # All that leaves a card: what is paid out, and what is forfeited or retained with it.
    "cash_out": ("paid_out", 1),
    "card_return": ("paid_out", 1),
    "expire": ("expired", 1),
    "reactivate": ("expired", -1),
    # What two persons corrected by hand, either way.
    "adjust_up": ("adjusted", 1),
    "adjust_down": ("adjusted", -1),
    # One gives what the other takes: nothing that all stores owe together.
    "move_out": ("nothing", 0),
    "move_in": ("nothing", 0),
    "hold": ("nothing", 0),
    "release": ("nothing", 0),
    # What was spent offline without being there: lent to the account, and given back by what comes in.
    "shortfall": ("lent", 1),
    "recovery": ("lent", -1),
}
UNDOES = ("void", "reversal")
# A refund gives back a part: the redemption stays one.
UNCOUNTED = ("refund",)


@dataclass(frozen=True, slots=True)
class Flow:
    """What came in and went out, net of what was undone: how many, and amounts in minor units.

    `topped_up` is what was paid; what was given with it is `bonus`.
    """

    topped_up: int = 0
    topped_up_count: int = 0
    redeemed: int = 0
    redeemed_count: int = 0
    bonus: int = 0
    paid_out: int = 0
    expired: int = 0
    brought_in: int = 0
    lent: int = 0
    adjusted: int = 0

    def __add__(self, other: Flow) -> Flow:
        """Add two flows."""
        return Flow(
            self.topped_up + other.topped_up,
            self.topped_up_count + other.topped_up_count,
            self.redeemed + other.redeemed,
            self.redeemed_count + other.redeemed_count,
            self.bonus + other.bonus,
            self.paid_out + other.paid_out,
            self.expired + other.expired,
            self.brought_in + other.brought_in,
            self.lent + other.lent,
            self.adjusted + other.adjusted,
        )

    @property
    def change(self) -> int:
        """Give what this did to the liability."""
        given = self.topped_up + self.bonus + self.brought_in + self.adjusted + self.lent
        return given - self.redeemed - self.paid_out - self.expired


@dataclass(frozen=True, slots=True, kw_only=True)
class DayLine:
    """A day: its flow, what all stores owed card holders at both ends, and cards active at the end."""

    day: date
    flow: Flow
    liability_before: int
    liability_after: int
    active_cards: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreLine:
    """A store over the period, and the active cards that it issued."""

    store_id: UUID
    flow: Flow
    active_cards: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A period's figures and those of the period before; of one store or, with None, of all."""

    period: Period
    currency: str
    store_id: UUID | None
    days: list[DayLine]
    stores: list[StoreLine]
    cells: dict[tuple[date, UUID], Flow]
    total: Flow
    total_before: Flow
    liability: int
    liability_before: int
    active_cards: int
    active_cards_before: int


Day = date | None  # None stands for all the days before those looked at.


@dataclass(slots=True)
class _Sums:
    """Sums by day and store; `cards` are the changes in how many are active."""

    flows: dict[Day, dict[UUID, Flow]] = field(default_factory=lambda: defaultdict(dict))
    cards: dict[Day, dict[UUID | None, int]] = field(default_factory=lambda: defaultdict(dict))

    def flow(self, days: Iterable[Day], store_id: UUID | None) -> Flow:
        """Add up the flows of some days, of one store or of all."""
        return sum(
            (
                flow
                for day in days
                for store, flow in self.flows.get(day, {}).items()
                if store_id in (None, store)
            ),
            Flow(),
        )

    def active(self, days: Iterable[Day], store_id: UUID | None) -> int:
        """Add up how many cards became active on some days, those that ceased to be taken off."""
        return sum(
            count
            for day in days
            for store, count in self.cards.get(day, {}).items()
            if store_id in (None, store)
        )


def report(period: Period, *, currency: str, store_id: UUID | None = None) -> Report:
    """Add up a period's figures from the daily sums and from the postings not folded into them yet.

    Locks nothing. Liability is that of all stores: an account belongs to none.
    """
    before = period.previous
    sums = _Sums()
    _add_postings(sums, since=before.first, until=period.last, currency=currency)
    _add_cards(sums, since=before.first, until=period.last, currency=currency)
    opening: list[Day] = [None, *before.days]
    liability = sums.flow(opening, None).change
    cards = sums.active(opening, store_id)
    liability_before, cards_before = liability, cards
    days = []
    for day in period.days:
        after = liability + sums.flow([day], None).change
        cards += sums.active([day], store_id)
        days.append(
            DayLine(
                day=day,
                flow=sums.flow([day], store_id),
                liability_before=liability,
                liability_after=after,
                active_cards=cards,
            )
        )
        liability = after
    return Report(
        period=period,
        currency=currency,
        store_id=store_id,
        days=days,
        stores=_store_lines(sums, period, store_id),
        cells={
            (day, store): flow
            for day in period.days
            for store, flow in sums.flows.get(day, {}).items()
            if store_id in (None, store)
        },
        total=sums.flow(period.days, store_id),
        total_before=sums.flow(before.days, store_id),
        liability=liability,
        liability_before=liability_before,
        active_cards=cards,
        active_cards_before=cards_before,
    )


def effect(kind: str, undoes: str, count: int, amount: int) -> Flow:
    """Give what postings of a type did to the figures. KeyError for a type that the table does not know."""
    is_undo = kind in UNDOES
    figure, sign = EFFECTS[undoes if is_undo else kind]
    sign = -sign if is_undo else sign
    counted = 0 if kind in UNCOUNTED else sign * count
    if figure == "topped_up":
        return Flow(topped_up=sign * amount, topped_up_count=counted)
    if figure == "redeemed":
        return Flow(redeemed=sign * amount, redeemed_count=counted)
    if figure == "bonus":
        return Flow(bonus=sign * amount)
    if figure == "paid_out":
        return Flow(paid_out=sign * amount)
    if figure == "brought_in":
        return Flow(brought_in=sign * amount)
    if figure == "lent":
        return Flow(lent=sign * amount)
    if figure == "adjusted":
        return Flow(adjusted=sign * amount)
    return Flow(expired=sign * amount) if figure == "expired" else Flow()


def list_currencies() -> list[str]:
    """List the currencies that programs keep value in."""
    with connection.cursor() as cursor:
        cursor.execute("select distinct currency::text from cards_program order by 1")
        return [currency for (currency,) in cursor.fetchall()]


def _store_lines(sums: _Sums, period: Period, store_id: UUID | None) -> list[StoreLine]:
    days: list[Day] = [*sums.cards]
    shown = {store for flows in sums.flows.values() for store in flows}
    shown |= {store for cards in sums.cards.values() for store in cards if store is not None}
    return [
        StoreLine(store_id=store, flow=sums.flow(period.days, store), active_cards=sums.active(days, store))
        for store in sorted(shown if store_id is None else {store_id})
    ]


def _add_postings(sums: _Sums, *, since: date, until: date, currency: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_POSTINGS, {"since": since, "until": until, "currency": currency})
        for day, store, kind, undoes, count, amount in cursor.fetchall():
            flow = effect(kind, undoes, int(count), int(amount))
            sums.flows[day][store] = sums.flows[day].get(store, Flow()) + flow


def _add_cards(sums: _Sums, *, since: date, until: date, currency: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_CARDS, {"since": since, "until": until, "currency": currency})
        for day, store, change in cursor.fetchall():
            sums.cards[day][store] = int(change)


# One statement is one snapshot: a posting is in the outbox or in the sums, never in both or neither.
_POSTINGS = """
select case when business_date >= %(since)s then business_date end, store_id, type, undoes,
    sum(count), sum(amount)
from (
    select business_date, store_id, type, undoes, currency, count, amount from ledger_daily_sum
    union all
    select business_date, store_id, type, undoes, currency, 1, amount from ledger_outbox
) as posted
where currency = %(currency)s and business_date <= %(until)s
group by 1, 2, 3, 4
"""

# A card counts from the business date on which it became active until the one on which it ceased to be.
_CARDS = """
select case when day >= %(since)s then day end, store_id, sum(change)
from (
    select card.issued_store_id as store_id,
        (event.to_state = 'active')::int - (event.from_state = 'active')::int as change,
        (event.at at time zone coalesce(store.timezone, 'UTC')
            - coalesce(store.day_starts_at, '00:00')::interval)::date as day
    from cards_cardevent as event
    join cards_card as card on card.id = event.card_id
    join cards_program as program on program.id = card.program_id
    left join stores_store as store on store.id = card.issued_store_id
    where program.currency = %(currency)s and 'active' in (event.to_state, event.from_state)
) as changed
where day <= %(until)s
group by 1, 2
having sum(change) <> 0
"""
