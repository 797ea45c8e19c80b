"""Where lives are lived: one shop, programs of every kind of terms, and new accounts for each life."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from django.db import connection
from django.db.models import Model

from prepaid.cards.models import Account as AccountRow
from prepaid.cards.models import Card as CardRow
from prepaid.cards.models import Credential, Holder, Program, RuleSet
from prepaid.cards.offers import make_offer
from prepaid.identifiers import uuid7
from prepaid.ledger.accounts import open_account
from prepaid.money import Money
from prepaid.stored_value.requests import Origin
from prepaid.stores.policy import sign_grant
from terminals import advices
from tests.model.account import Account, Counter, Terms
from tests.model.done import DAYS_BEGIN, PIN_TRIES_MAX
from tests.model.done import Origin as Who
from tests.offline import LIMITS as STAND_IN
from tests.shop import Shop, open_shop
from tests.stored_value.people import hire
from tests.stored_value.rule_sets import add_rule, rule_set

# Lives end well before the database's own clock: a hold does not expire by a clock that is ahead of it.
BEGINS = datetime(2021, 1, 1, 4, 0, tzinfo=UTC)
SMALL_BONUS = (4_000, (33, 33, 34), 5)
LARGE_BONUS = (9_000, (500,), None)
LIMITS = {
    "redeem_single_max": 5_000,
    "redeem_day_max": 9_000,
    "redeem_month_max": 25_000,
    "load_single_max": 20_000,
    "load_day_max": 30_000,
    "load_month_max": 70_000,
    "loads_day_max": 6,
    "balance_max": 40_000,
    "pin_above": 3_000,
}
HOLDERS = {
    "holder_load_day_max": 25_000,
    "holder_load_month_max": 60_000,
    "holder_redeem_day_max": 8_000,
    "holder_redeem_month_max": 20_000,
}
# Lives begin on any day of the first year, and go on for some months.
RULES = (
    ("max_single_load", 6_000, date(2021, 1, 1)),
    ("max_daily_load", 8_000, date(2021, 3, 15)),
    ("max_balance", 9_000, date(2021, 6, 1)),
    ("transfer_allowed", False, date(2021, 2, 1)),
    ("transfer_allowed", True, date(2021, 5, 1)),
    ("refund_allowed", False, date(2021, 9, 1)),
    ("small_balance_cashout", {"below": 2_000}, date(2021, 10, 1)),
)
# The program of two accounts, and of the third.
PROGRAMS = (
    (Terms(limits=LIMITS, offers=(SMALL_BONUS,)), Terms(limits={"balance_max": 9_000}, order="paid_first")),
    (
        Terms(limits={}, order="proportional", offers=(SMALL_BONUS, LARGE_BONUS)),
        Terms(limits=LIMITS, months=None, moves_to="nothing", reactivates=False, tolerance_percent=0),
    ),
    (
        Terms(limits=HOLDERS, order="paid_first", months=2, offers=(LARGE_BONUS,)),
        Terms(limits=LIMITS | HOLDERS, order="proportional", offers=(SMALL_BONUS,), tolerance_percent=100),
    ),
    (
        Terms(
            limits={"balance_max": 12_000},
            moves_to="same_program",
            offers=(LARGE_BONUS, SMALL_BONUS),
            rules=RULES,
        ),
        Terms(limits={}, months=12),
    ),
)

# The program, and the holder, of each account of a life.
ORDER = (0, 0, 1)
# How many lives' accounts are opened at once.
PLACES = 25


@dataclass
class Place:
    """The rows of a life: ids of its accounts, of its cards by place, and what the first cards show."""

    accounts: list[UUID] = field(default_factory=list)
    cards: list[UUID] = field(default_factory=list)
    taps: list[bytes] = field(default_factory=list)
    numbers: list[bytes] = field(default_factory=list)
    pins: list[bytes] = field(default_factory=list)


def _rule_set(terms: Terms) -> RuleSet:
    made = rule_set()
    for name, value, since in terms.rules:
        add_rule(made, name, value, since)
    return made


def _pattern(program: Program) -> tuple[Model, ...]:
    """Make a holder, an account and a card that shows a tap or a number, for others to be copies of."""
    holder = Holder.objects.create(name="Li Na")
    account = AccountRow.objects.create(program=program, holder=holder)
    open_account(account.id, currency="CNY", at=BEGINS)
    terms = {"program": program, "last_four": "4242", "state": "active", "issued_at": BEGINS}
    card = CardRow.objects.create(account=account, **terms)
    tap, typed = (
        Credential.objects.create(
            card=card, method=method, lookup=os.urandom(32), counter=0, pin_tries_max=PIN_TRIES_MAX
        )
        for method in ("sun", "number")
    )
    return holder, account, card, tap, typed


class Stage:
    """The shop and its programs, made once for a database."""

    def __init__(self) -> None:
        self.shop: Shop = open_shop()
        self.origins: dict[Who, Origin] = {}
        for number, shop in enumerate((self.shop, open_shop())):
            shop.store.day_starts_at = time(DAYS_BEGIN[number])
            shop.store.save()
            self.origins |= {Who(number, False): shop.origin, Who(number, True): shop.counter}
        self.manager = hire(self.shop)
        self.patterns = [[_pattern(self._program(terms)) for terms in pair] for pair in PROGRAMS]
        self.places: list[list[Place]] = [[] for _ in PROGRAMS]
        connection.ensure_connection()
        with connection.cursor() as cursor:
            # Every call still commits; only this machine's power cut could take the last of them back.
            cursor.execute("set synchronous_commit = off")

    def _program(self, terms: Terms) -> Program:
        program = Program.objects.create(
            code=f"M{os.urandom(6).hex()}",
            name="Model",
            currency="CNY",
            allowed_credentials=["sun", "number", "qr"],
            consumption_order=terms.order,
            value_valid_months=terms.months,
            capture_tolerance_percent=terms.tolerance_percent,
            moves_to=terms.moves_to,
            reactivates_expired=terms.reactivates,
            # One manager is enough here: two persons have tests of their own.
            adjust_alone_max=None,
            refund_unlinked_alone_max=None,
            card_return_alone_max=None,
            rule_set=_rule_set(terms) if terms.rules else None,
            **terms.limits,
        )
        for pay_min, parts, days in terms.offers:
            make_offer(
                code=f"O{os.urandom(6).hex()}",
                name="More",
                program=program,
                pay_min=Money(pay_min, "CNY"),
                bonus=Money(sum(parts), "CNY"),
                starts_on=(BEGINS - timedelta(days=1)).date(),
                actor="op-1",
                at=BEGINS,
                instalments=len(parts),
                interval="day",
                bonus_valid_days=days,
            )
        return program

    def grant_at(self, moment: datetime) -> str:
        """Give the first store's terminal a new grant."""
        limits = {name: getattr(STAND_IN, name) for name in ("per_transaction", "per_card", "per_terminal")}
        grant = advices.Grant(
            id=uuid7(),
            terminal=self.shop.terminal.id,
            policy=1,
            issued_at=int(moment.timestamp()),
            age_s=STAND_IN.age_s,
            currency="CNY",
            count=STAND_IN.count,
            floors={"sun": STAND_IN.floor_sun},
            **limits,
        )
        return sign_grant(grant)

    def begin(self, variant: int) -> tuple[list[Account], Place]:
        """Give three accounts with a card each, two of one holder, and the stores' own."""
        number = variant % len(PROGRAMS)
        if not self.places[number]:
            self.places[number] = self._open(number)
        counters = [Counter(), Counter()]
        models = [Account(terms=PROGRAMS[number][which], holder=counters[which]) for which in ORDER]
        # Of each store, the account that cards are charged to which did not prove themselves.
        models += [Account(terms=Terms(limits={}, months=None), holder=Counter()) for _ in DAYS_BEGIN]
        return models, self.places[number].pop()

    def _open(self, number: int) -> list[Place]:
        """Open the accounts of the next lives at once: a life has few steps, and rows one by one are dear."""
        copies = Copies()
        places = [self._place(number, copies) for _ in range(PLACES)]
        copies.make(Holder)
        copies.make(AccountRow)
        with connection.cursor() as cursor:
            cursor.execute(
                "select ledger_open_account(id, 'CNY', %s) from unnest(%s::uuid[]) as id",
                [BEGINS, [account for place in places for account in place.accounts]],
            )
        copies.make(CardRow)
        copies.make(Credential)
        return places

    def _place(self, number: int, copies: Copies) -> Place:
        """Copy the rows of a life: its holders, and for each account a card that shows a tap or a number."""
        place, holders = Place(), [uuid7(), uuid7()]
        for which in ORDER:
            holder, account, card, tap, typed = self.patterns[number][which]
            if which not in ORDER[: len(place.accounts)]:
                copies.add(holder, id=holders[which])
            place.accounts.append(copies.add(account, holder_id=holders[which]))
            place.cards.append(copies.add(card, account_id=place.accounts[-1]))
            for list_ in (place.taps, place.numbers, place.pins):
                list_.append(os.urandom(32))
            copies.add(tap, card_id=place.cards[-1], lookup=place.taps[-1])
            copies.add(typed, card_id=place.cards[-1], lookup=place.numbers[-1], pin_mac=place.pins[-1])
        return place


class Copies:
    """Copies of rows with some columns changed, made many at a time."""

    def __init__(self) -> None:
        self.rows: dict[type[Model], list[tuple[UUID, str]]] = defaultdict(list)

    def add(self, row: Model, **changes: UUID | bytes) -> UUID:
        """Add a copy of a row and give its id."""
        key = changes.setdefault("id", uuid7())
        texts = {
            name: f"\\x{value.hex()}" if isinstance(value, bytes) else str(value)
            for name, value in changes.items()
        }
        self.rows[type(row)].append((row.pk, json.dumps(texts)))
        assert isinstance(key, UUID)
        return key

    def make(self, model: type[Model]) -> None:
        """Write the copies of a table's rows."""
        table = model._meta.db_table
        rows, changes = zip(*self.rows.pop(model), strict=True)
        with connection.cursor() as cursor:
            cursor.execute(
                f"insert into {table} select made.* "
                "from unnest(%s::uuid[], %s::jsonb[]) as asked (id, changes) "
                f"join {table} as base using (id) "
                "cross join lateral jsonb_populate_record(base, asked.changes) as made",
                [list(rows), list(changes)],
            )
