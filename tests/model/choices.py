"""What the numbers of a step mean in a life: which card, which amount, which of the things that happened.

They choose by what is there, and from the newest on, so that a step means much the same without others.
"""

from __future__ import annotations

import os
from datetime import datetime
from uuid import UUID

from prepaid.cards.presentation import Presentation, at_the_desk
from prepaid.identifiers import uuid7
from prepaid.money import Money
from prepaid.stored_value.requests import Request
from tests.model.done import Done, Origin, Shown
from tests.model.life import Life

NUMBER_MAX = 0xFFFF


class Choices(Life):
    """A life, and how numbers choose from it."""

    def request(self, *, key: UUID | None = None, occurred_at: datetime | None = None) -> Request:
        """Make the request of the origin whose turn it is: the terminal counts its own, the till does not."""
        now, who = self.model.now, self.model.origin
        self.shop.sequence += 1
        request = Request(
            id=key or uuid7(),
            origin=self.origins[who],
            digest=os.urandom(32),
            occurred_at=occurred_at or now,
            recorded_at=now,
            sequence=None if who.is_till else self.shop.sequence,
            operator="op-1",
        )
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
        return self.model.newest[number % len(self.model.newest)]

    def present(self, number: int) -> tuple[Shown, Presentation]:
        """Present a card: at the desk, or as present_itself."""
        kind = number // 16 % 16
        if kind < 8:
            card = self.card(number)
            return Shown(card), at_the_desk(self.place.cards[card])
        return self.present_itself(number)

    def present_itself(self, number: int) -> tuple[Shown, Presentation]:
        """Present an account's first card, which may be closed: tapped or its number typed, PIN or none."""
        kind, place = number // 16 % 8, number % len(self.model.newest)
        typed = None if kind < 4 else (True, True, False, None if number // 256 % 2 else False)[kind - 4]
        right = self.place.pins[place]
        pin = right if typed else None if typed is None else right[::-1]
        if kind < 5:
            counter = self.model.cards[place].counter + (3, 1, 2, 0, 1)[kind]
            shown = Presentation("sun", lookup=self.place.taps[place], counter=counter, pin_mac=pin)
            return Shown(place, "sun", counter, typed), shown
        return Shown(place, "number", 0, typed), Presentation(
            "number", lookup=self.place.numbers[place], pin_mac=pin
        )

    def earlier(self, number: int) -> tuple[UUID, Done] | None:
        """Choose something that happened: twice out of three times something that moved or held value."""
        posted = [key for key, one in self.model.done.items() if one.posted]
        keys = posted if posted and number % 3 else list(self.model.done)
        if not keys:
            return None
        key = keys[-1 - number // 3 % min(len(keys), 16)]
        return self._go_to(key, number // 48)

    def _go_to(self, key: UUID, number: int) -> tuple[UUID, Done]:
        """Ask in the store of an original, seven times out of eight, or wherever one is."""
        done = self.model.done[key]
        if number % 8:
            self.model.origin = Origin(done.origin.store, self.model.origin.is_till)
        return key, done

    def of_original(self, number: int, original: Done) -> int:
        """Choose an amount for an original: any, or as much as it has, or a part of it, or one beside."""
        if number % 2 or not original.approved:
            return self.amount(number // 2, original.account or 0)
        whole, size = original.approved, number // 2
        edges = (whole, whole - 1, whole + 1, whole // 2, whole // 3, whole * 11 // 10, whole * 11 // 10 + 1)
        return max(1, edges[size % len(edges)])

    def earlier_of(self, kind: str, number: int) -> tuple[UUID, Done] | None:
        """Choose something of a kind that is not undone or resolved, or now and then anything."""
        if number % 8 == 0:
            return self.earlier(number // 8)
        found = [(key, one) for key, one in self.model.done.items() if one.kind == kind and one.posted]
        if number % 8 > 1:
            found = [(key, one) for key, one in found if not (one.undone or one.resolution)]
        if not found:
            return None
        key, _ = found[-1 - number // 8 % min(len(found), 6)]
        return self._go_to(key, number // 48)


def cny(amount: int) -> Money:
    """Give an amount of the shop's currency. Minor units."""
    return Money(amount, "CNY")
