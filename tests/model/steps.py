"""Every step of a life: what is asked of PostgreSQL and of the model alike.

A step is a name and four numbers, whose meaning depends on what happened before: any sequence of steps is a
life, and so is what is left of one when some are taken out. Each gives False where there is nothing to do.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace as changed
from datetime import timedelta
from functools import partial
from typing import Literal
from uuid import UUID

from prepaid.cards.errors import ChangeRefused
from prepaid.cards.lifecycle import Change, change_state
from prepaid.cards.presentation import at_the_desk
from prepaid.identifiers import uuid7
from prepaid.ledger.errors import IdReused, SequenceReused
from prepaid.stored_value.answers import Answer
from prepaid.stored_value.approvals.payloads import Adjust, Payload, RefundUnlinked, Unblock
from prepaid.stored_value.approvals.service import Asked, ask
from prepaid.stored_value.bonus import DuePart, pay_part
from prepaid.stored_value.calls import REQUEST, fetch, request_values
from prepaid.stored_value.expire import DueLot, expire_lot
from prepaid.stored_value.hold import capture, hold, release
from prepaid.stored_value.load import load
from prepaid.stored_value.move import merge, move
from prepaid.stored_value.pay_out import Parts, pay_out
from prepaid.stored_value.redeem import redeem
from prepaid.stored_value.refund import refund
from prepaid.stored_value.replace import reactivate, replace
from prepaid.stored_value.undo import reverse, void
from tests.model.choices import Choices, cny
from tests.model.stage import BEGINS
from tests.model.world import CHANGES, Done

Step = tuple[str, int, int, int, int]
# How often each step is taken.
WEIGHTS = {
    "load": 14, "redeem": 20, "hold": 8, "capture": 8, "release": 3, "refund": 9, "undo": 13,
    "reverse_the_unseen": 3, "come_late": 3, "repeat": 5, "reuse_an_id": 2, "reuse_a_sequence": 1,
    "let_time_pass": 6, "move": 6, "merge": 1, "pay_out": 4, "reactivate": 2, "refund_unlinked": 2,
    "adjust": 2, "expire_a_lot": 6, "expire_a_hold": 3, "pay_a_part": 5, "stop_a_card": 1, "revive_a_card": 5,
}  # fmt: skip
OF_CARDS = ("merge", "pay_out", "undo", "stop_a_card", "revive_a_card")
HOURS = (1, 7, 24, 24 * 5, 24 * 20, 24 * 40)
DAYS_MAX = 1_700
WHOLE_EVERY = 8
TELLING = [name for name in Answer.__slots__ if name != "replayed"]
_EXPIRE_HOLD = f"select ledger_expire_hold({REQUEST}, %s::uuid, %s::uuid)"


class Steps(Choices):
    """A life that takes steps."""

    def take(self, step: Step) -> bool:
        """Take a step and compare; False where there was nothing to do. Raises Disagreement."""
        name, *numbers = step
        self.model.by_till = numbers[3] % 4 == 0
        self.about.clear()
        if not getattr(self, name)(*numbers[:3]):
            return False
        self.taken += 1
        # What a step is not about must stay as it is, and is looked at now and then.
        every = range(len(self.model.accounts))
        self.compare_accounts(every if self.taken % WHOLE_EVERY == 0 else self.about)
        if name in OF_CARDS:
            self.compare_cards()
        return True

    def load(self, a: int, b: int, c: int) -> bool:
        card, presented, tap = self.present(a)
        request, amount = self.request(), self.amount(b, self.model.cards[card].account)
        done = self.model.load(request.id, card, amount, tap)
        return self.agree(partial(load, request, presented, cny(amount), tender="cash"), done)

    def redeem(self, a: int, b: int, c: int) -> bool:
        card, presented, tap = self.present(a)
        request, amount = self.request(), self.amount(b, self.model.cards[card].account)
        done = self.model.redeem(request.id, card, amount, tap, partial=c % 3 == 0)
        return self.agree(partial(redeem, request, presented, cny(amount), allow_partial=c % 3 == 0), done)

    def hold(self, a: int, b: int, c: int) -> bool:
        card, presented, tap = self.present(a)
        request, amount = self.request(), self.amount(b, self.model.cards[card].account)
        until = self.model.now + timedelta(minutes=1 + (c if c % 2 else c % 3_000))
        done = self.model.hold(request.id, card, amount, tap, until)
        return self.agree(partial(hold, request, presented, cny(amount), expires_at=until), done)

    def capture(self, a: int, b: int, c: int) -> bool:
        found = self.earlier_of("hold", a) or self.earlier(a)
        if found is None:
            return False
        request, amount = self.request(), self.of_original(b, found[1])
        done = self.model.capture(request.id, found[0], amount)
        return self.agree(partial(capture, request, found[0], cny(amount)), done)

    def release(self, a: int, b: int, c: int) -> bool:
        found = self.earlier_of("hold", a) or self.earlier(a)
        if found is None:
            return False
        request = self.request()
        return self.agree(partial(release, request, found[0]), self.model.release(request.id, found[0]))

    def refund(self, a: int, b: int, c: int) -> bool:
        kind = "redeem" if c % 2 else "capture"
        found = self.earlier_of(kind, a) or self.earlier(a)
        if found is None:
            return False
        request, amount = self.request(), self.of_original(b, found[1])
        done = self.model.refund(request.id, found[0], amount)
        return self.agree(partial(refund, request, found[0], cny(amount)), done)

    def undo(self, a: int, b: int, c: int) -> bool:
        found = self.earlier(a)
        if found is None:
            return False
        return self._undo("reversal" if b % 2 else "void", found[0])

    def _undo(self, kind: str, original: UUID) -> bool:
        request = self.request()
        done = self.model.undo(request.id, kind, original)
        return self.agree(partial(reverse if kind == "reversal" else void, request, original), done)

    def reverse_the_unseen(self, a: int, b: int, c: int) -> bool:
        """Undo what never came, or come back to it: a reversal leaves a tombstone for what may come late."""
        self.model.by_till = False
        if c % 3 == 0 or not self.unseen:
            late = self.request()
            self.unseen[late.id] = late
        return self._undo("void" if b % 4 == 0 else "reversal", list(self.unseen)[a % len(self.unseen)])

    def come_late(self, a: int, b: int, c: int) -> bool:
        """Make a transaction whose reversal came before it."""
        if not self.model.tombstones:
            return False
        key = self.model.tombstones[a % len(self.model.tombstones)]
        request, card = self.unseen.pop(key), at_the_desk(self.place.cards[self.card(a)])
        money, until = cny(self.amount(b, 0)), self.model.now + timedelta(days=1)
        calls = {
            "load": partial(load, request, card, money, tender="cash"),
            "redeem": partial(redeem, request, card, money),
            "hold": partial(hold, request, card, money, expires_at=until),
        }
        kind = list(calls)[c % len(calls)]
        return self.agree(calls[kind], self.model.late(key, kind))

    def repeat(self, a: int, b: int, c: int) -> bool:
        """Ask again what was asked before: the very answer, and nothing moves."""
        if not self.asked:
            return False
        call, first = self.asked[-1 - a % min(len(self.asked), 32)]
        again = call()
        assert again.replayed
        self.same([getattr(again, name) for name in TELLING], [getattr(first, name) for name in TELLING])
        return True

    def reuse_an_id(self, a: int, b: int, c: int) -> bool:
        """Ask something else under an id that was used: an error, and nothing moves."""
        found = self.earlier(a)
        if found is None:
            return False
        request, card = self.request(id=found[0]), at_the_desk(self.place.cards[self.card(b)])
        self.requests.pop()
        money = cny(self.amount(b, 0))
        try:
            load(request, card, money, tender="cash") if c % 2 else redeem(request, card, money)
        except IdReused:
            return True
        raise AssertionError("an id was used with other content")

    def reuse_a_sequence(self, a: int, b: int, c: int) -> bool:
        """Ask something new under the terminal's number of something else: an error, and nothing moves."""
        before = [one for one in self.requests if one.sequence is not None and one.id in self.model.done]
        if not before:
            return False
        request = changed(before[-1 - a % min(len(before), 16)], id=uuid7(), digest=os.urandom(32))
        try:
            redeem(request, at_the_desk(self.place.cards[self.card(b)]), cny(self.amount(b, 0)))
        except SequenceReused:
            return True
        raise AssertionError("a terminal's number was used twice")

    def let_time_pass(self, a: int, b: int, c: int) -> bool:
        later = self.model.now + timedelta(hours=HOURS[a % len(HOURS)])
        if later > BEGINS + timedelta(days=DAYS_MAX):
            return False
        self.model.now = later
        return True

    def move(self, a: int, b: int, c: int) -> bool:
        source, target = self.card(a), self.card(c)
        request, amount = self.request(), self.amount(b, self.model.cards[source].account)
        done = self.model.move(request.id, source, target, amount)
        cards = self.place.cards
        return self.agree(partial(move, request, cards[source], cards[target], cny(amount)), done)

    def merge(self, a: int, b: int, c: int) -> bool:
        source, target = self.card(a), self.card(c)
        request, cards = self.request(), self.place.cards
        done = self.model.move(request.id, source, target, None)
        return self.agree(partial(merge, request, cards[source], cards[target], reason="one is enough"), done)

    def pay_out(self, a: int, b: int, c: int) -> bool:
        """Cash out or take back: exactly what is there of each kind, or any amounts."""
        card, closes = self.card(a), c % 5 == 0
        place = self.model.cards[card].account
        account, today = self.model.accounts[place], self.model.today
        paid, bonus = account.good(today, bonus=False), account.good(today, bonus=True)
        if c % 3 and not closes:
            paid, bonus = self.amount(b, place), min(bonus, self.amount(b // 3, place)) * (c % 2)
        retained, forfeited = paid * (b % 4) // 10, bonus * (b % 3) // 2
        parts = (paid - retained, retained, bonus - forfeited, forfeited)
        kind: Literal["cash_out", "card_return"] = "card_return" if closes or c % 2 else "cash_out"
        request = self.request()
        done = self.model.pay_out(request.id, kind, card, parts, closes=closes)
        call = partial(
            pay_out,
            request,
            kind,
            self.place.cards[card],
            Parts(
                paid_minor=parts[0],
                retained_minor=parts[1],
                paid_from_bonus_minor=parts[2],
                forfeited_bonus_minor=parts[3],
            ),
            tender="cash",
            closes_because="given back" if closes else None,
        )
        return self.agree(call, done)

    def reactivate(self, a: int, b: int, c: int) -> bool:
        card, request = self.card(a), self.request()
        done = self.model.reactivate(request.id, card)
        return self.agree(partial(reactivate, request, self.place.cards[card]), done)

    def refund_unlinked(self, a: int, b: int, c: int) -> bool:
        """Give value without an original, for a manager's approval."""
        card = self.card(a)
        amount = self.amount(b, self.model.cards[card].account)
        payload = RefundUnlinked(card_id=self.place.cards[card], amount_minor=amount, currency="CNY")
        return self._ask(
            payload, partial(self.model.give, kind="refund", card=card, amount=amount, bonus=False)
        )

    def adjust(self, a: int, b: int, c: int) -> bool:
        """Correct what a card has, paid or bonus, for a manager's approval."""
        card, bonus = self.card(a), c % 4 > 1
        amount = self.amount(b, self.model.cards[card].account)
        direction: Literal["up", "down"] = "down" if c % 2 else "up"
        payload = Adjust(
            card_id=self.place.cards[card],
            direction=direction,
            amount_minor=amount,
            currency="CNY",
            bonus=bonus,
        )
        if direction == "up":
            told = partial(self.model.give, kind="adjust_up", card=card, amount=amount, bonus=bonus)
        else:
            told = partial(self.model.adjust_down, card=card, amount=amount, bonus=bonus)
        return self._ask(payload, told)

    def _ask(self, payload: Payload, told: Callable[[UUID], Done]) -> bool:
        self.model.by_till, key = True, uuid7()
        asked = self._asked(payload, key)
        assert asked.answer is not None
        self.compare_answer(asked.answer, told(key))
        return True

    def _asked(self, payload: Payload, key: UUID) -> Asked:
        return ask(
            payload,
            approval_id=uuid7(),
            transaction_id=key,
            staff=self.manager,
            reason="the receipt is lost",
            at=self.model.now,
        )

    def expire_a_lot(self, a: int, b: int, c: int) -> bool:
        place = a % len(self.model.accounts)
        self.about.add(place)
        open_lots = [lot for lot in self.model.accounts[place].lots.values() if lot.left]
        over = [lot for lot in open_lots if not lot.good_on(self.model.today)]
        lots = over or open_lots
        if not lots:
            return False
        lot = lots[b % len(lots)]
        due = DueLot(self.place.accounts[place], lot.no, lot.bonus, self.shop.origin)
        self.same(expire_lot(due, at=self.model.now), self.model.expire_lot(place, lot.no))
        return True

    def expire_a_hold(self, a: int, b: int, c: int) -> bool:
        found = self.earlier_of("hold", a | 1)
        if found is None or found[1].account is None:
            return False
        self.model.by_till = True
        request = self.request()
        account = self.place.accounts[found[1].account]
        row = fetch(_EXPIRE_HOLD, [*request_values(request), account, found[0]])
        self.same(row and row[0], self.model.expire_hold(found[1]))
        return True

    def pay_a_part(self, a: int, b: int, c: int) -> bool:
        loads = [(key, one) for key, one in self.model.done.items() if one.parts]
        if not loads:
            return False
        key, done = loads[-1 - a % min(len(loads), 4)]
        assert done.account is not None
        self.about.add(done.account)
        number = b % len(done.parts)
        part = done.parts[number]
        due = DuePart(self.place.accounts[done.account], key, number + 1, part.due_on, self.shop.origin)
        self.same(pay_part(due, at=self.model.now), self.model.pay(done, part))
        return True

    def stop_a_card(self, a: int, b: int, c: int) -> bool:
        names: tuple[Change, ...] = ("block", "report_lost")
        return self._change(self.card(a), names[b % 2])

    def revive_a_card(self, a: int, b: int, c: int) -> bool:
        """Let a stopped card run again, or give another one in its place."""
        stopped = [card for card in self.model.newest if self.model.cards[card].state != "active"]
        if not stopped:
            return False
        card = stopped[a % len(stopped)]
        self.about.add(self.model.cards[card].account)
        state = self.model.cards[card].state
        if state == "closed" or (state == "lost" and b % 2):
            return self._replace(card)
        return self._change(card, "recover") if state == "lost" else self._unblock(card)

    def _unblock(self, card: int) -> bool:
        held = self.place.cards[card]
        asked = self._asked(Unblock(card_id=held, balance_minor=0, currency="CNY"), uuid7())
        self.same(asked.is_executed, self.model.change(card, "unblock"))
        return True

    def _change(self, card: int, change: Change) -> bool:
        assert change in CHANGES
        try:
            change_state(self.place.cards[card], change, actor="op-1", at=self.model.now)
            told = True
        except ChangeRefused:
            told = False
        self.same(told, self.model.change(card, change))
        return True

    def _replace(self, card: int) -> bool:
        new = uuid7()
        try:
            replace(self.request(), self.place.cards[card], new_card_id=new, reason="gone")
            told = True
        except ChangeRefused:
            told = False
        self.same(told, self.model.replace(card))
        if told:
            self.place.cards.append(new)
        return True
