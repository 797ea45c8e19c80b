"""What the numbers of a step mean in a life: which card, which amount, which of the things that happened.

They choose by what is there, and from the newest on, so that a step means much the same without others.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from prepaid.cards.presentation import Presentation, at_the_desk
from prepaid.money import Money
from prepaid.stored_value.requests import Request
from tests.model.life import Life
from tests.model.world import Done

NUMBER_MAX = 0xFFFF


class Choices(Life):
    """A life, and how numbers choose from it."""

    def request(self, **terms: Any) -> Request:
        """Make the request of the origin whose turn it is: the terminal counts its own, the till does not."""
        now = self.model.now
        if self.model.by_till:
            terms |= {"origin": self.shop.counter, "sequence": None}
        request = self.shop.request(recorded_at=now, occurred_at=now, **terms)
        self.requests.append(request)
        return request

    def amount(self, number: int, account: int) -> int:
        """Choose an amount: small, middling, large, or just what is there or may be spent, or one beside."""
        kind, size = number % 8, number // 8
        if kind < 4:
            return 1 + size % 1_500
        if kind < 6:
            return 1_500 + size % 3_501
        if kind == 6:
            return 1 + size * 3 % 25_000
        found = self.model.accounts[account]
        edges = (found.room(self.model.today), found.balance, found.good(self.model.today), found.held)
        return max(1, edges[size % 4] + size // 4 % 3 - 1)

    def card(self, number: int) -> int:
        """Choose the newest card of an account."""
        place = number % len(self.model.newest)
        self.about.add(place)
        return self.model.newest[place]

    def present(self, number: int) -> tuple[int, Presentation, int | None]:
        """Present a card: at the desk, or an account's first card by a tap, which may be an old one."""
        kind, place = number // 16 % 8, number % len(self.model.newest)
        if kind < 5:
            card = self.card(number)
            return card, at_the_desk(self.place.cards[card]), None
        self.about.add(place)
        counter = self.model.cards[place].counter + (0 if kind == 7 else kind - 4)
        return place, Presentation(method="sun", lookup=self.place.lookups[place], counter=counter), counter

    def earlier(self, number: int) -> tuple[UUID, Done] | None:
        """Choose something that happened: twice out of three times something that moved or held value."""
        posted = [key for key, one in self.model.done.items() if one.posted]
        keys = posted if posted and number % 3 else list(self.model.done)
        if not keys:
            return None
        key = keys[-1 - number // 3 % min(len(keys), 16)]
        return key, self.look_at(self.model.done[key])

    def look_at(self, done: Done) -> Done:
        """Say that a step is about the accounts of a transaction."""
        self.about |= {place for place in (done.account, done.taker) if place is not None}
        return done

    def of_original(self, number: int, original: Done) -> int:
        """Choose an amount for an original: any, or as much as it has, or a part of it, or one beside."""
        if number % 2 or not original.approved:
            return self.amount(number // 2, original.account or 0)
        whole, size = original.approved, number // 2
        edges = (whole, whole - 1, whole + 1, whole // 2, whole // 3, whole * 11 // 10, whole * 11 // 10 + 1)
        return max(1, edges[size % len(edges)])

    def earlier_of(self, kind: str, number: int) -> tuple[UUID, Done] | None:
        """Choose something of a kind, three times out of four."""
        found = [(key, one) for key, one in self.model.done.items() if one.kind == kind and one.posted]
        if not found or number % 4 == 0:
            return None
        key, done = found[-1 - number // 4 % min(len(found), 6)]
        return key, self.look_at(done)


def cny(amount: int) -> Money:
    """Give an amount of the shop's currency. Minor units."""
    return Money(amount, "CNY")
