"""Any sequence of loads, spending, moves, merges, replacements and payouts: value is conserved, step by step.

The model is as plain as can be: what each account has, and what came in and went out. Every step compares it
with the database; a decline must have left every figure alone.
"""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from prepaid.cards.errors import ChangeRefused
from prepaid.cards.lifecycle import change_state
from prepaid.cards.models import Card
from prepaid.cards.presentation import at_the_desk
from prepaid.identifiers import uuid7
from prepaid.money import Money
from prepaid.stored_value.answers import Answer
from prepaid.stored_value.cash_out import cash_out
from prepaid.stored_value.load import load
from prepaid.stored_value.move import merge, move
from prepaid.stored_value.redeem import redeem
from prepaid.stored_value.replace import replace
from prepaid.stored_value.return_card import return_card
from prepaid.stored_value.undo import void
from tests.shop import assert_ledger_is_clean, figures, open_shop

LIVES = int(os.environ.get("MODEL_LIVES", "20"))
STEPS = int(os.environ.get("MODEL_STEPS", "30"))
ACCOUNTS = 3
BALANCE_MAX = 6_000
amounts = st.integers(1, 4_000)
which = st.integers(0, ACCOUNTS - 1)


class Lives(RuleBasedStateMachine):
    """Three accounts of one program; `cards` has the newest card of each."""

    def __init__(self) -> None:
        super().__init__()
        self.shop = open_shop(balance_max=BALANCE_MAX)
        self.now = self.shop.at
        held = [self.shop.card() for _ in range(ACCOUNTS)]
        self.held = held
        self.cards: list[UUID] = [one.card.id for one in held]
        self.states = ["active"] * ACCOUNTS
        self.balances = [0] * ACCOUNTS
        # What may be voided: its id, and what its void does to each account and to whose card.
        self.done: list[tuple[UUID, dict[int, int], UUID | None]] = []
        for place in range(ACCOUNTS):
            self.load(place, 1_000)

    def request(self) -> Any:
        self.now += timedelta(seconds=1)
        return self.shop.request(
            origin=self.shop.counter, sequence=None, recorded_at=self.now, occurred_at=self.now
        )

    def settle(
        self, before: tuple[Any, ...], answer: Answer, expected: bool, effect: dict[int, int], **closes: int
    ) -> None:
        """Compare an outcome with the model's, take its effect over, or make sure that there was none."""
        assert answer.approved == expected, answer.reason
        if not expected:
            assert figures() == before
            return
        for place, change in effect.items():
            self.balances[place] += change
        closed = self.cards[closes["closes"]] if closes else None
        self.done.append((answer.id, effect, closed))

    @rule(place=which, amount=amounts)
    def load(self, place: int, amount: int) -> None:
        before = figures()
        answer = load(self.request(), at_the_desk(self.cards[place]), Money(amount, "CNY"), tender="cash")
        fits = self.states[place] == "active" and self.balances[place] + amount <= BALANCE_MAX
        self.settle(before, answer, fits, {place: amount})

    @rule(place=which, amount=amounts)
    def redeem(self, place: int, amount: int) -> None:
        before = figures()
        answer = redeem(self.request(), at_the_desk(self.cards[place]), Money(amount, "CNY"))
        there = self.states[place] == "active" and amount <= self.balances[place]
        self.settle(before, answer, there, {place: -amount})

    @rule(giver=which, taker=which, amount=amounts)
    def move(self, giver: int, taker: int, amount: int) -> None:
        before = figures()
        answer = move(self.request(), self.cards[giver], self.cards[taker], Money(amount, "CNY"))
        expected = self.may_move(giver, taker, amount) and amount <= self.balances[giver]
        self.settle(before, answer, expected, {giver: -amount, taker: amount})

    @rule(giver=which, taker=which)
    def merge(self, giver: int, taker: int) -> None:
        before, amount = figures(), self.balances[giver]
        answer = merge(self.request(), self.cards[giver], self.cards[taker], reason="one is enough")
        expected = self.may_move(giver, taker, amount)
        self.settle(before, answer, expected, {giver: -amount, taker: amount}, closes=giver)
        if expected:
            self.states[giver] = "closed"

    def may_move(self, giver: int, taker: int, amount: int) -> bool:
        return (
            giver != taker
            and self.states[giver] == self.states[taker] == "active"
            and self.balances[taker] + amount <= BALANCE_MAX
        )

    @rule(place=which, amount=amounts)
    def cash_out(self, place: int, amount: int) -> None:
        before = figures()
        answer = cash_out(self.request(), self.cards[place], paid_minor=amount, tender="cash")
        there = self.states[place] == "active" and amount <= self.balances[place]
        self.settle(before, answer, there, {place: -amount})

    @rule(place=which, amount=st.integers(0, 6_000))
    def return_card(self, place: int, amount: int) -> None:
        before, retained = figures(), max(self.balances[place] - amount, 0)
        answer = return_card(
            self.request(),
            self.cards[place],
            paid_minor=amount,
            retained_minor=retained,
            tender="bank_transfer",
            note="asked for",
        )
        expected = self.states[place] == "active" and amount <= self.balances[place]
        self.settle(before, answer, expected, {place: -amount - retained}, closes=place)
        if expected:
            self.states[place] = "closed"

    @rule(place=which)
    def replace(self, place: int) -> None:
        before, new_card_id = figures(), uuid7()
        try:
            replace(self.request(), self.cards[place], new_card_id=new_card_id, reason="gone")
        except ChangeRefused:
            assert self.states[place] == "blocked"
        else:
            assert self.states[place] != "blocked"
            self.cards[place], self.states[place] = new_card_id, "active"
        assert figures() == before

    @rule(place=which, lost=st.booleans())
    def stop(self, place: int, lost: bool) -> None:
        before = figures()
        try:
            change_state(self.cards[place], "report_lost" if lost else "block", actor="op-1", at=self.now)
        except ChangeRefused:
            assert self.states[place] not in (("active", "blocked") if lost else ("active",))
        else:
            self.states[place] = "lost" if lost else "blocked"
        assert figures() == before

    @precondition(lambda self: self.done)
    @rule(back=st.integers(0, 5))
    def void(self, back: int) -> None:
        """Void something: approved, it gives back exactly what it took; declined, it moves nothing."""
        before = figures()
        original, effect, closed = self.done[-1 - back % len(self.done)]
        answer = void(self.request(), original)
        if not answer.approved:
            assert figures() == before
            return
        for place, change in effect.items():
            self.balances[place] -= change
        if closed in self.cards:
            self.states[self.cards.index(closed)] = "active"
        elif closed is not None:
            assert Card.objects.get(pk=closed).state == "closed"
        self.done = [one for one in self.done if one[0] != original]

    @invariant()
    def every_account_has_what_the_model_says(self) -> None:
        assert [one.balance() for one in self.held] == self.balances
        assert [Card.objects.get(pk=card).state for card in self.cards] == self.states

    def teardown(self) -> None:
        assert_ledger_is_clean()


@pytest.mark.django_db
def test_value_is_conserved_over_any_lives_of_three_cards() -> None:
    run_state_machine_as_test(
        Lives,
        settings=settings(
            max_examples=LIVES,
            stateful_step_count=STEPS,
            deadline=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
