"""A life: three accounts in PostgreSQL, by the product's own calls, and in the model; both must agree."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import psycopg
from django.db import connection

from prepaid.stored_value.answers import Answer
from prepaid.stored_value.requests import Request
from tests.model.account import Account, Counter
from tests.model.done import Done
from tests.model.offline import Grant
from tests.model.stage import BEGINS, Stage
from tests.model.undo import Model

Call = Callable[[], Answer]
_ACCOUNTS = """
select account.balance, account.held, account.lot_count, account.lots::text, account.counted_on::text,
    account.loads_today, account.loaded_today, account.loaded_month, account.redeemed_today,
    account.redeemed_month, account.shortfall, counter.counted_on::text, counter.loads_today,
    counter.loaded_today, counter.loaded_month, counter.redeemed_today, counter.redeemed_month,
    array(select card.state from cards_card as card where card.account_id = account.id order by card.id)
from unnest(%s::uuid[]) with ordinality as asked (id, place)
join ledger_account as account on account.id = asked.id
join cards_account as owner on owner.id = asked.id
left join ledger_counter as counter on counter.kind = 'holder' and counter.currency = account.currency
    and counter.subject = uuid_send(owner.holder_id)
order by asked.place
"""


class Disagreement(AssertionError):
    """PostgreSQL and the model say two different things."""


class Life:
    """Three accounts of a stage, in PostgreSQL and in the model."""

    def __init__(self, stage: Stage, variant: int) -> None:
        self.stage, self.shop, self.origins, self.manager = stage, stage.shop, stage.origins, stage.manager
        accounts, self.place = stage.begin(variant)
        self.model = Model(BEGINS + timedelta(days=variant // 4 % 365), accounts)
        # The calls that were answered, the requests of transactions, and those that a reversal came before.
        self.asked: list[tuple[Call, Answer]] = []
        self.requests: list[Request] = []
        self.unseen: dict[UUID, Request] = {}
        self.grant: tuple[str, Grant] | None = None
        self.taken = 0
        # What came of the step at hand.
        self.outcome = ""

    def same(self, told: object, expected: object) -> None:
        """Compare what PostgreSQL told with what the model expects."""
        if told != expected:
            raise Disagreement(f"\n  PostgreSQL: {told}\n  the model:  {expected}")

    def same_change(self, told: object, expected: bool) -> bool:
        """Compare whether something was changed that has no answer."""
        self.outcome = "done" if expected else "left as it is"
        self.same(told, expected)
        return True

    def agree(self, call: Call, done: Done) -> bool:
        """Make a call, compare its answer with the model's, and remember it for repeats."""
        answer = call()
        self.compare_answer(answer, done)
        self.asked.append((call, answer))
        return True

    def compare_answer(self, answer: Answer, done: Done) -> None:
        """Compare an answer with the model's: kind, outcome, reason, amount and what it tells."""
        self.outcome = (done.reason or "approved") + " by law" * done.by_law
        self.same(
            (answer.type, answer.outcome, answer.reason, answer.approved_minor, answer.balance_minor,
             answer.available_minor, answer.rule is not None, answer.replayed),
            (done.kind, "declined" if done.reason else "approved", done.reason, done.approved, done.balance,
             done.available, done.by_law, False),
        )  # fmt: skip

    def compare_whole(self) -> None:
        """Compare every account (value, lots in their order, what is counted and owed) and every card."""
        told = rows(_ACCOUNTS, self.place.accounts)
        states = [
            [card.state for card in self.model.cards if card.account == place] for place in range(len(told))
        ]
        accounts = zip(self.model.accounts, states, strict=False)
        self.same(told, [(*_row_of(account), cards) for account, cards in accounts])


def rows(sql: str, ids: list[UUID]) -> list[tuple[Any, ...]]:
    """Run a prepared query over some ids."""
    with psycopg.Cursor(connection.connection) as cursor:
        return cursor.execute(sql, [ids], prepare=True).fetchall()


def _row_of(account: Account) -> tuple[Any, ...]:
    lots = ",".join(
        f'"({lot.no},{"t" if lot.bonus else "f"},{lot.left},{lot.until or ""})"' for lot in account.in_order()
    )
    held, made = account.held, len(account.lots)
    of_holder = (None,) * 6 if account.holder.day == date.min else _figures(account.holder)
    return (account.balance, held, made, f"{{{lots}}}", *_figures(account.counter), account.owed, *of_holder)


def _figures(counter: Counter) -> tuple[Any, ...]:
    day, *figures = counter.figures()
    return ("-infinity" if day == date.min else day.isoformat(), *figures)
