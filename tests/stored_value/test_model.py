"""A random life of an account, step by step in PostgreSQL and in the model: both must always agree."""

from __future__ import annotations

import os
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from prepaid.cards.models import Account, Card, Holder
from prepaid.cards.presentation import at_the_desk
from prepaid.ledger.errors import IdReused
from prepaid.money import Money
from prepaid.stored_value import calls
from prepaid.stored_value.answers import Answer
from prepaid.stored_value.bonus import list_due_parts, pay_part
from prepaid.stored_value.expire import expire_lot, list_due_lots
from prepaid.stored_value.hold import capture, hold, release
from prepaid.stored_value.load import load
from prepaid.stored_value.redeem import redeem
from prepaid.stored_value.refund import refund
from prepaid.stored_value.undo import reverse, void
from tests.shop import NOON, assert_ledger_is_clean, open_shop
from tests.stored_value.model import BONUS_DAYS, BONUS_PARTS, LIMITS, PAY_MIN, Done, Model

LIVES = int(os.environ.get("MODEL_LIVES", "100"))
SHRINK = [Phase.shrink] if os.environ.get("MODEL_SHRINK") else []
STEPS = int(os.environ.get("MODEL_STEPS", "50"))
# Never reached: what is counted for the holder must agree with the audit after every life, undone or not.
COUNTED = {"holder_load_day_max": 10**12, "holder_redeem_month_max": 10**12}
amounts = st.one_of(st.integers(1, 1_500), st.integers(1_500, 5_000), st.integers(1, 25_000))
places = st.integers(0, 10_000)


class Life(RuleBasedStateMachine):
    """One account's life."""

    def __init__(self) -> None:
        super().__init__()
        self.shop = open_shop(**LIMITS, **COUNTED, value_valid_months=1, capture_tolerance_percent=10)
        # The clock steps forward, and a hold expires by no clock that is ahead of the database's.
        self.shop.at = NOON - timedelta(days=1_500)
        terms = {"instalments": len(BONUS_PARTS), "interval": "day", "bonus_valid_days": BONUS_DAYS}
        self.shop.offer(PAY_MIN, sum(BONUS_PARTS), **terms)
        self.held = self.shop.card()
        holder = Holder.objects.create(name="Wang Xiaoyu")
        Account.objects.filter(pk=self.held.account_id).update(holder=holder)
        self.desk = at_the_desk(self.held.card.id)
        self.model = Model(now=self.shop.at, months=1)
        self.asked: list[tuple[Any, Any]] = []
        for amount in (4_000, 9_000, 700):
            self.load(amount)

    def request(self, **changed: Any) -> Any:
        return self.shop.request(recorded_at=self.model.now, occurred_at=self.model.now, **changed)

    def agree(self, call: Any, done: Done) -> None:
        """Make a call, compare its answer with the model's decision, and remember it for repeats."""
        answer: Answer = call()
        assert (answer.reason, answer.approved_minor) == (done.reason, done.amount), done
        self.asked.append((call, answer))

    def earlier(self, place: int) -> UUID:
        """Choose something that happened: twice out of three times something that moved or held value."""
        moved = [key for key, one in self.model.done.items() if one.amount]
        keys = moved if moved and place % 3 else list(self.model.done)
        return keys[-1 - place // 3 % min(len(keys), 12)]

    @rule(amount=amounts)
    def load_more(self, amount: int) -> None:
        self.load(amount)

    def load(self, amount: int) -> None:
        request = self.request()
        with_value = self.held.row("lot_count")
        call = partial(load, request, self.desk, Money(amount, "CNY"), tender="cash")
        answer = call()
        until = self.model.today
        if answer.approved:
            until = self.expiry_of(with_value + (2 if amount >= PAY_MIN else 1))
        done = self.model.load(request.id, amount, until)
        assert (answer.reason, answer.approved_minor) == (done.reason, done.amount)
        self.asked.append((call, answer))

    def expiry_of(self, lot_no: int) -> Any:
        row = calls.fetch(
            "select expires_on, (%s::date + interval '1 month')::date from ledger_lot "
            "where account_id = %s and lot_no = %s",
            [self.model.today, self.held.account_id, lot_no],
        )
        assert row is not None
        assert row[0] == row[1]
        return row[0]

    @rule(amount=amounts, partial=st.booleans())
    def redeem(self, amount: int, partial: bool) -> None:
        request = self.request()
        done = self.model.redeem(request.id, amount, partial=partial)
        self.agree(lambda: redeem(request, self.desk, Money(amount, "CNY"), allow_partial=partial), done)

    @rule(amount=amounts, minutes=st.one_of(st.integers(1, 3_000), st.integers(1, 80_000)))
    def hold(self, amount: int, minutes: int) -> None:
        request = self.request()
        until = self.model.now + timedelta(minutes=minutes)
        done = self.model.hold(request.id, amount, until)
        self.agree(lambda: hold(request, self.desk, Money(amount, "CNY"), expires_at=until), done)

    @precondition(lambda self: self.model.done)
    @rule(place=places, amount=amounts)
    def capture(self, place: int, amount: int) -> None:
        request, original = self.request(), self.earlier(place)
        done = self.model.capture(request.id, original, amount)
        self.agree(lambda: capture(request, original, Money(amount, "CNY")), done)

    @precondition(lambda self: self.model.done)
    @rule(place=places)
    def release(self, place: int) -> None:
        request, original = self.request(), self.earlier(place)
        done = self.model.release(request.id, original)
        self.agree(lambda: release(request, original), done)

    @precondition(lambda self: self.model.done)
    @rule(place=places, amount=amounts)
    def refund(self, place: int, amount: int) -> None:
        request, original = self.request(), self.earlier(place)
        done = self.model.refund(request.id, original, amount)
        self.agree(lambda: refund(request, original, Money(amount, "CNY")), done)

    @precondition(lambda self: self.model.done)
    @rule(place=places, kind=st.sampled_from(["void", "reversal"]))
    def undo(self, place: int, kind: str) -> None:
        request, original = self.request(), self.earlier(place)
        done = self.model.undo(request.id, kind, original)
        self.agree(lambda: {"void": void, "reversal": reverse}[kind](request, original), done)

    @rule(amount=amounts)
    def reverse_before_the_original(self, amount: int) -> None:
        late, undo = self.request(), self.request()
        self.agree(lambda: reverse(undo, late.id), self.model.note(undo.id, Done("reversal", None)))
        done = self.model.note(late.id, Done("redeem", "already_reversed"))
        self.agree(lambda: redeem(late, self.desk, Money(amount, "CNY")), done)

    @precondition(lambda self: self.asked)
    @rule(place=places)
    def repeat(self, place: int) -> None:
        call, first = self.asked[place % len(self.asked)]
        again = call()
        assert again.replayed
        names = [name for name in Answer.__slots__ if name != "replayed"]
        assert [getattr(again, name) for name in names] == [getattr(first, name) for name in names]

    @precondition(lambda self: self.model.done)
    @rule(place=places, amount=amounts)
    def reuse_an_id(self, place: int, amount: int) -> None:
        request = self.request(id=self.earlier(place))
        with pytest.raises(IdReused):
            redeem(request, self.desk, Money(amount, "CNY"))

    @rule(hours=st.sampled_from([1, 7, 24, 24 * 20]))
    def let_time_pass(self, hours: int) -> None:
        self.model.now += timedelta(hours=hours)

    @rule(amount=amounts)
    def redeem_while_blocked(self, amount: int) -> None:
        card = Card.objects.filter(pk=self.held.card.pk)
        self.model.state = "blocked"
        card.update(state="blocked")
        request = self.request()
        done = self.model.redeem(request.id, amount, partial=False)
        answer = redeem(request, self.desk, Money(amount, "CNY"))
        assert (answer.reason, done.reason) == ("card_blocked", "card_blocked")
        self.model.state = "active"
        card.update(state="active")

    @rule()
    def expire_holds(self) -> None:
        for key, done in list(self.model.done.items()):
            over = done.expires_at is not None and done.expires_at <= self.model.now
            if done.kind == "hold" and done.reason is None:
                request = self.request(sequence=None)
                sql = f"select ledger_expire_hold({calls.REQUEST}, %s::uuid, %s::uuid)"
                row = calls.fetch(sql, [*calls.request_values(request), self.held.account_id, key])
                assert row is not None
                assert row[0] == (over and done.resolution is None)
                if row[0]:
                    done.resolution = "expired"
                    self.model.begin_day()
                    self.model.held -= done.amount

    @rule()
    def pay_instalments(self) -> None:
        due = [part for part in list_due_parts(self.model.now) if part.account_id == self.held.account_id]
        paid = [pay_part(part, at=self.model.now) for part in due]
        assert sum(paid) == self.model.pay_due()

    @rule()
    def expire_lots(self) -> None:
        due = [lot for lot in list_due_lots(self.model.now) if lot.account_id == self.held.account_id]
        expired = [expire_lot(lot, at=self.model.now) for lot in due]
        assert sum(expired) == self.model.expire()

    @invariant()
    def account_is_as_the_model_says(self) -> None:
        lots = {no: remaining for no, (remaining, _) in self.model.lots.items()}
        row = calls.fetch(
            "select balance, held, "
            "coalesce((select json_object_agg(lot_no, remaining) from unnest(lots)), '{}'), "
            "counted_on, loads_today, loaded_today, loaded_month, redeemed_today, redeemed_month "
            "from ledger_account where id = %s",
            [self.held.account_id],
        )
        assert row is not None
        assert (row[0], row[1]) == (self.model.balance, self.model.held)
        assert {int(no): value for no, value in row[2].items()} == lots
        model = self.model
        assert row[3:] == (
            model.day, model.loads, model.loaded, model.loaded_month, model.redeemed, model.redeemed_month
        )  # fmt: skip

    def teardown(self) -> None:
        assert_ledger_is_clean()


def test_database_and_model_agree_on_every_step(committed_db: None) -> None:
    checks = settings(
        max_examples=LIVES,
        stateful_step_count=STEPS,
        deadline=None,
        print_blob=True,
        # Making a failing life shorter takes minutes: ask for it (MODEL_SHRINK=1) when there is one.
        phases=[Phase.explicit, Phase.reuse, Phase.generate, *SHRINK],
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Life, settings=checks)
