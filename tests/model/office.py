"""Steps that staff and the clock take: what is paid out, corrected, expired; and the life of cards."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal
from uuid import UUID

from prepaid.cards.errors import ChangeRefused
from prepaid.cards.lifecycle import Change, change_state
from prepaid.cards.pins import set_pin
from prepaid.identifiers import uuid7
from prepaid.keys import site_keys
from prepaid.stored_value.approvals.payloads import Adjust, Payload, RefundUnlinked, Unblock
from prepaid.stored_value.approvals.service import Asked, ask
from prepaid.stored_value.bonus import DuePart, pay_part
from prepaid.stored_value.calls import REQUEST, fetch, request_values
from prepaid.stored_value.expire import DueLot, expire_lot
from prepaid.stored_value.pay_out import Parts, pay_out
from prepaid.stored_value.replace import reactivate, replace
from tests.model.choices import Choices
from tests.model.done import CHANGES, Done, Origin, Part

_EXPIRE_HOLD = f"select ledger_expire_hold({REQUEST}, %s::uuid, %s::uuid)"


class Office(Choices):
    """A life, and what is done behind the counter."""

    def pay_out(self, a: int, b: int, c: int) -> bool:
        """Cash out or take back: exactly what is there of each kind, or any amounts."""
        card, closes = self.card(a), c % 8 == 0
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
        self.model.origin, key = Origin(is_till=True), uuid7()
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
        places = range(len(self.place.accounts))
        lots = [(place, lot) for place in places for lot in self.model.accounts[place].in_order()]
        if b % 8:
            lots = [(place, lot) for place, lot in lots if not lot.good_on(self.model.today)]
        if not lots:
            return False
        place, lot = lots[a % len(lots)]
        # As the job does: a lot is taken off at one store, that which made it, however often it is.
        self.model.origin = Origin((place + lot.no) % 2, self.model.origin.is_till)
        due = DueLot(self.place.accounts[place], lot.no, lot.bonus, "CNY", self.origins[self.model.origin])
        return self.same_change(expire_lot(due, at=self.model.now), self.model.expire_lot(place, lot.no))

    def expire_a_hold(self, a: int, b: int, c: int) -> bool:
        found = self.earlier_of("hold", a | 1)
        if found is None or found[1].account is None:
            return False
        if b % 8 and (found[1].expires_at or self.model.now) > self.model.now:
            return False
        self.model.origin = Origin(self.model.origin.store, is_till=True)
        request = self.request()
        account = self.place.accounts[found[1].account]
        row = fetch(_EXPIRE_HOLD, [*request_values(request), account, found[0]])
        return self.same_change(row and row[0], self.model.expire_hold(found[1]))

    def pay_a_part(self, a: int, b: int, c: int) -> bool:
        loads = [(key, one) for key, one in self.model.done.items() if one.parts]
        parts = [(key, one, number) for key, one in loads for number in range(len(one.parts))]
        if b % 8:
            parts = [(key, one, number) for key, one, number in parts if self._is_due(one.parts[number])]
        if not parts:
            return False
        key, done, number = parts[-1 - a % min(len(parts), 8)]
        assert done.account is not None
        self.model.origin = done.origin
        part = done.parts[number]
        due = DuePart(
            self.place.accounts[done.account], key, number + 1, part.due_on, self.origins[done.origin]
        )
        return self.same_change(pay_part(due, at=self.model.now), self.model.pay(done, part))

    def _is_due(self, part: Part) -> bool:
        return not part.is_resolved and part.due_on <= self.model.today

    def stop_a_card(self, a: int, b: int, c: int) -> bool:
        names: tuple[Change, ...] = ("block", "report_lost")
        return self._change(self.card(a), names[b % 2])

    def revive_a_card(self, a: int, b: int, c: int) -> bool:
        """Let a stopped card run again, or give another one in its place."""
        stopped = [card for card in self.model.newest if self.model.cards[card].state != "active"]
        if not stopped:
            return False
        card = stopped[a % len(stopped)]
        state = self.model.cards[card].state
        if state == "closed" and c % 2:
            return False
        if state == "closed" or (state == "lost" and b % 2):
            return self._replace(card)
        return self._change(card, "recover") if state == "lost" else self._unblock(card)

    def _unblock(self, card: int) -> bool:
        held = self.place.cards[card]
        asked = self._asked(Unblock(card_id=held, balance_minor=0, currency="CNY"), uuid7())
        return self.same_change(asked.is_executed, self.model.change(card, "unblock"))

    def _change(self, card: int, change: Change) -> bool:
        assert change in CHANGES
        try:
            change_state(self.place.cards[card], change, actor="op-1", at=self.model.now)
            told = True
        except ChangeRefused:
            told = False
        return self.same_change(told, self.model.change(card, change))

    def set_a_pin(self, a: int, b: int, c: int) -> bool:
        """Give an account's first card a new PIN, which unlocks it: mostly one that needs it."""
        card = a % len(self.place.pins)
        if not self.model.cards[card].failures and b % 8:
            return False
        try:
            new = set_pin(
                self.place.cards[card], event_id=uuid7(), actor="op-1", at=self.model.now, reason="forgotten"
            )
            assert new.pin is not None
            self.place.pins[card] = site_keys().pin_mac(self.place.numbers[card], new.pin)
            told = True
        except ChangeRefused:
            told = False
        return self.same_change(told, self.model.set_pin(card))

    def _replace(self, card: int) -> bool:
        new = uuid7()
        try:
            replace(self.request(), self.place.cards[card], new_card_id=new, reason="gone")
            told = True
        except ChangeRefused:
            told = False
        if told:
            self.place.cards.append(new)
        return self.same_change(told, self.model.replace(card))
