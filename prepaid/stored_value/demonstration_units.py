"""The demonstration's cards that count visits, minutes and privileges in place of money.

Knows believable passes; must not post by any way of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from prepaid.cards.models import Program
from prepaid.cards.presentation import at_the_desk
from prepaid.identifiers import uuid7
from prepaid.money import MINUTES, PRIVILEGES, VISITS, Money
from prepaid.stored_value.answers import Answer
from prepaid.stored_value.issue import issue
from prepaid.stored_value.load import load
from prepaid.stored_value.redeem import redeem
from prepaid.stored_value.requests import Request, origin_of_till
from prepaid.stores.models import Till


@dataclass(frozen=True, slots=True)
class Pass:
    """Somebody's card: bought `days_ago` with `count` units; `used` is what was used since, each time."""

    name: str
    program: str
    days_ago: int
    count: int
    used: tuple[int, ...]


SOLD_AT = time(11, 20)
UNIT_PROGRAMS = {
    "SWIM": {"name": "Swim pass", "name_zh": "游泳次卡", "currency": VISITS, "unit_price": 3_000},
    "PLAY": {"name": "Play time", "name_zh": "游戏时长卡", "currency": MINUTES, "unit_price": 50},
    "TREAT": {"name": "Birthday treat", "name_zh": "生日礼遇", "currency": PRIVILEGES, "unit_price": 0},
}
PASSES = (
    Pass("He Mei", "SWIM", 24, 10, (1, 1)),
    Pass("Lucas Meyer", "PLAY", 9, 60, (15,)),
    Pass("Guo Wei", "TREAT", 5, 1, ()),
)


def sell_passes(
    till: Till, *, at: datetime, accepted: list[str], request_at: Callable[[Till, datetime], Request]
) -> None:
    """Make the programs of units, and sell and use their cards at one till."""
    programs = {
        code: Program.objects.get_or_create(code=code, defaults=terms | {"allowed_credentials": accepted})[0]
        for code, terms in UNIT_PROGRAMS.items()
    }
    zone = ZoneInfo(till.store.timezone)
    for one in PASSES:
        day = (at - timedelta(days=one.days_ago)).astimezone(zone).date()
        bought = datetime.combine(day, SOLD_AT, zone)
        request = request_at(till, bought)
        made = issue(
            card_id=uuid7(),
            program=programs[one.program],
            origin=origin_of_till(till),
            actor=request.operator,
            at=bought,
            holder_name=one.name,
        )
        desk, unit = at_the_desk(made.card.id), programs[one.program].currency
        _approved(load(request, desk, Money(one.count, unit), tender="cash"))
        for times, count in enumerate(one.used, start=1):
            used = bought + timedelta(days=times * 3)
            _approved(redeem(request_at(till, used), desk, Money(count, unit)))


def _approved(answer: Answer) -> None:
    assert answer.approved, f"the demonstration's {answer.type} was declined: {answer.reason}"
