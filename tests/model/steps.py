"""Every step of a life: what is asked of PostgreSQL and of the model alike.

A step is a name and four numbers, whose meaning depends on what happened before: any sequence of steps is a
life, and so is what is left of one when some are taken out. Each gives False where there is nothing to do.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace as changed
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from prepaid.cards.presentation import at_the_desk
from prepaid.identifiers import uuid7
from prepaid.ledger.errors import IdReused, SequenceReused
from prepaid.stored_value.answers import Answer
from prepaid.stored_value.hold import capture, hold, release
from prepaid.stored_value.load import load
from prepaid.stored_value.move import merge, move
from prepaid.stored_value.redeem import redeem
from prepaid.stored_value.refund import refund
from prepaid.stored_value.stand_in import advise_load, advise_redeem
from prepaid.stored_value.undo import reverse, void
from tests.model.choices import cny
from tests.model.done import Origin
from tests.model.life import rows
from tests.model.office import Office
from tests.model.offline import Grant
from tests.model.stage import BEGINS, Stage

Step = tuple[str, int, int, int, int]
# How often each step is taken.
WEIGHTS = {
    "load": 18, "redeem": 18, "hold": 14, "capture": 8, "release": 2, "refund": 9, "undo": 13, "advise": 8,
    "reverse_the_unseen": 3, "come_late": 3, "repeat": 5, "reuse_an_id": 2, "reuse_a_sequence": 1,
    "let_time_pass": 6, "move": 6, "merge": 1, "pay_out": 4, "reactivate": 2, "refund_unlinked": 1,
    "adjust": 1, "expire_a_lot": 6, "expire_a_hold": 3, "pay_a_part": 5, "stop_a_card": 1, "revive_a_card": 5,
    "set_a_pin": 2,
}  # fmt: skip
HOURS = (1, 7, 7, 24, 24 * 5, 24 * 20, 24 * 40)
AGO = (0, 0, 1, 6, 30, 24 * 9)
DAYS_MAX = 1_700
TELLING = [name for name in Answer.__slots__ if name != "replayed"]
_ADVICES = """
select array(select distinct unnest(findings) order by 1), reason, shortfall
from ledger_advice where id = any(%s)
"""
# How many steps of each name came to what.
Tally = Counter[tuple[str, str]]


class Steps(Office):
    """A life that takes steps; everything is compared after each so many."""

    def __init__(
        self, stage: Stage, variant: int, *, tally: Tally | None = None, compared_every: int = 1
    ) -> None:
        super().__init__(stage, variant)
        self.tally = Counter() if tally is None else tally
        self.compared_every = compared_every

    def take(self, step: Step) -> bool:
        """Take a step and compare; False where there was nothing to do. Raises Disagreement."""
        name, *numbers = step
        self.model.origin = Origin(store=numbers[3] // 4 % 5 // 4, is_till=numbers[3] % 4 == 0)
        if not getattr(self, name)(*numbers[:3]):
            return False
        self.taken += 1
        self.tally[name, self.outcome] += 1
        if self.taken % self.compared_every == 0:
            self.compare_whole()
        return True

    def load(self, a: int, b: int, c: int) -> bool:
        shown, presented = self.present(a)
        request, amount = self.request(), self.amount(b, self.model.cards[shown.card].account)
        done = self.model.load(request.id, shown, amount)
        return self.agree(partial(load, request, presented, cny(amount), tender="cash"), done)

    def redeem(self, a: int, b: int, c: int) -> bool:
        shown, presented = self.present(a)
        request, amount = self.request(), self.amount(b, self.model.cards[shown.card].account)
        done = self.model.redeem(request.id, shown, amount, partial=c % 3 == 0)
        return self.agree(partial(redeem, request, presented, cny(amount), allow_partial=c % 3 == 0), done)

    def hold(self, a: int, b: int, c: int) -> bool:
        shown, presented = self.present(a)
        request, amount = self.request(), self.amount(b, self.model.cards[shown.card].account)
        until = self.model.now + timedelta(minutes=1 + (c if c % 2 else c % 3_000))
        done = self.model.hold(request.id, shown, amount, until)
        return self.agree(partial(hold, request, presented, cny(amount), expires_at=until), done)

    def capture(self, a: int, b: int, c: int) -> bool:
        found = self.earlier_of("hold", a)
        if found is None:
            return False
        request, amount = self.request(), self.of_original(b, found[1])
        done = self.model.capture(request.id, found[0], amount)
        return self.agree(partial(capture, request, found[0], cny(amount)), done)

    def release(self, a: int, b: int, c: int) -> bool:
        found = self.earlier_of("hold", a)
        if found is None:
            return False
        request = self.request()
        return self.agree(partial(release, request, found[0]), self.model.release(request.id, found[0]))

    def refund(self, a: int, b: int, c: int) -> bool:
        kind = "redeem" if c % 2 else "capture"
        found = self.earlier_of(kind, a)
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
        self.model.origin = Origin()
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
            "advice": partial(advise_redeem, request, card, money, grant=""),
        }
        kind = list(calls)[c % len(calls)]
        return self.agree(calls[kind], self.model.late(key, "redeem" if kind == "advice" else kind))

    def advise(self, a: int, b: int, c: int) -> bool:
        """Tell what a terminal sold or took by itself some time ago, under a grant or none."""
        self.model.origin = Origin(self.model.origin.store)
        shown, presented = self.present_itself(a)
        sold_at = self.model.now - timedelta(hours=AGO[c % len(AGO)])
        text, grant = self.grant_at(sold_at, c // 8)
        request = self.request(occurred_at=sold_at)
        amount = self.amount(b, self.model.cards[shown.card].account)
        kind = "load" if shown.method == "sun" and c // 256 % 8 == 0 else "redeem"
        done = self.model.advise(request.id, kind, shown, amount, sold_at=sold_at, grant=grant)
        if kind == "load":
            call = partial(
                advise_load, request, presented, cny(amount), tender="cash", tender_reference="", grant=text
            )
        else:
            call = partial(advise_redeem, request, presented, cny(amount), grant=text)
        self.agree(call, done)
        self.same(rows(_ADVICES, [request.id]), [(sorted(done.findings), done.doubt, done.lacked)])
        self.outcome = " ".join(["approved", *sorted(done.findings)])
        return True

    def grant_at(self, moment: datetime, number: int) -> tuple[str, Grant | None]:
        """Show no grant, or the one that the terminal has: where that is too old, mostly a new one."""
        if number % 8 == 0:
            return "", None
        old = self.grant is None or not self.grant[1].is_in_time(moment)
        if self.grant is None or (old and number // 8 % 4):
            issued_at = moment - timedelta(minutes=number % 60)
            self.grant = (self.stage.grant_at(issued_at), Grant(issued_at))
        return self.grant

    def repeat(self, a: int, b: int, c: int) -> bool:
        """Ask again what was asked before: the very answer, and nothing moves."""
        if not self.asked:
            return False
        call, first = self.asked[-1 - a % min(len(self.asked), 32)]
        again = call()
        self.outcome = f"{again.type} again"
        assert again.replayed
        self.same([getattr(again, name) for name in TELLING], [getattr(first, name) for name in TELLING])
        return True

    def reuse_an_id(self, a: int, b: int, c: int) -> bool:
        """Ask something else under an id that was used: an error, and nothing moves."""
        found = self.earlier(a)
        if found is None:
            return False
        request, card = self.request(key=found[0]), at_the_desk(self.place.cards[self.card(b)])
        self.requests.pop()
        money = cny(self.amount(b, 0))
        try:
            load(request, card, money, tender="cash") if c % 2 else redeem(request, card, money)
        except IdReused:
            self.outcome = "refused"
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
            self.outcome = "refused"
            return True
        raise AssertionError("a terminal's number was used twice")

    def let_time_pass(self, a: int, b: int, c: int) -> bool:
        later = self.model.now + timedelta(hours=HOURS[a % len(HOURS)])
        if later > BEGINS + timedelta(days=DAYS_MAX):
            return False
        months = self.model.now.month != later.month
        self.model.now, self.outcome = later, "into a month" if months else "in a month"
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
