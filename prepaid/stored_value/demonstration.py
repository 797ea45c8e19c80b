"""The demonstration: two stores, their staff, programs, and a month of trade made by the real functions.

Knows believable names and amounts; must not post by any way of its own.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib.auth.models import User
from django.db import transaction

from prepaid.cards.lifecycle import change_state
from prepaid.cards.models import Program, RuleSet
from prepaid.cards.offers import make_offer
from prepaid.cards.presentation import at_the_desk
from prepaid.cards.rules.presets import load_presets
from prepaid.identifiers import uuid7
from prepaid.keys import site_keys
from prepaid.money import Money
from prepaid.stored_value.answers import Answer
from prepaid.stored_value.demonstration_approvals import ALONE, ask_for_second_person
from prepaid.stored_value.demonstration_units import sell_passes
from prepaid.stored_value.issue import issue
from prepaid.stored_value.load import load
from prepaid.stored_value.redeem import redeem
from prepaid.stored_value.requests import Request, origin_of_till
from prepaid.stored_value.undo import void
from prepaid.stored_value.virtual_cards import tap_of_virtual_card
from prepaid.stores.models import Staff, Store, Till
from prepaid.stores.opening import open_store
from prepaid.stores.policy import Limits, set_stand_in

DAYS = 30
SEED = 20261123
OPENS_AT, CLOSES_AT = time(9), time(21, 30)
FIRST_STORE = "RIVER"
CURRENCY = "CNY"
ACCEPTED = ["number", "sun", "qr", "challenge", "pay_code"]
TOP_UPS = (10_000, 20_000, 30_000, 50_000)
KEPT_MINOR = 20_000
PAY_CODE_MAX = 50_000
# The others are made at the other store.
VISITS_AT_HOME = 0.8
# One visit in this many ends with the cashier's slip of the finger, undone at once.
VISITS_PER_VOID = 40


@dataclass(frozen=True, slots=True)
class Regular:
    """Somebody who comes often: `spends` in minor units; `card` is the virtual card that they hold."""

    name: str
    program: str
    issued_days_ago: int
    visits_a_week: int
    spends: tuple[int, int]
    first_load: int
    store: str = FIRST_STORE
    card: int | None = None

    @property
    def keeps_minor(self) -> int:
        """Give what stays on the card: a virtual one must have money for whoever tries it."""
        return 0 if self.card is None else KEPT_MINOR


REGULARS = (
    Regular("Wang Xiaoyu", "MEMBER", 58, 6, (1_800, 7_500), 100_000, card=1),
    Regular("Chen Jie", "GIFT", 44, 4, (1_200, 5_200), 50_000, card=2),
    Regular("Emma Wilson", "GIFT", 29, 3, (2_600, 9_800), 50_000, card=3),
    Regular("Liu Yang", "MEMBER", 37, 5, (1_500, 6_000), 80_000, "TOWN", card=4),
    Regular("Zhao Min", "GIFT", 21, 3, (3_800, 12_000), 50_000, card=5),
    Regular("Huang Lei", "MEMBER", 55, 5, (900, 4_400), 50_000),
    Regular("Sun Li", "GIFT", 40, 2, (4_800, 16_800), 100_000, "TOWN"),
    Regular("Zhou Tao", "MEMBER", 33, 6, (1_100, 3_900), 50_000, "TOWN"),
    Regular("Wu Fang", "GIFT", 26, 2, (2_200, 8_800), 30_000),
    Regular("David Brown", "GIFT", 17, 2, (3_000, 9_000), 50_000),
    Regular("Xu Jing", "MEMBER", 12, 4, (1_600, 6_600), 100_000, "TOWN"),
    Regular("Ma Chao", "GIFT", 49, 1, (2_000, 7_000), 30_000),
)
# One card is blocked and one reported lost, for the counter to show.
BLOCKED, LOST = "David Brown", "Ma Chao"


@dataclass(slots=True)
class Purse:
    """A regular's card during the month of trade. Minor units."""

    regular: Regular
    card_id: UUID
    balance_minor: int = 0


def demonstrate(*, at: datetime) -> bool:
    """Make the demonstration, all of it or nothing; False where it was made before."""
    with transaction.atomic():
        if Store.objects.filter(code=FIRST_STORE).exists():
            return False
        stores = _open_stores(at)
        _hire(stores)
        load_presets(at=at)
        programs = _make_programs()
        _trade(stores, programs, at)
        first_till = stores[FIRST_STORE].tills.select_related("store").order_by("name")[0]
        sell_passes(first_till, at=at, accepted=ACCEPTED, request_at=_request)
        _make_offers(programs, stores[FIRST_STORE], at)
        ask_for_second_person(programs["MEMBER"], at=at)
    return True


def _open_stores(at: datetime) -> dict[str, Store]:
    riverside = open_store(
        FIRST_STORE,
        "Riverside",
        name_zh="河畔店",
        currency=CURRENCY,
        tills=("Counter 1", "Counter 2", "Kiosk"),
    )
    # A terminal that loses the network goes on selling, up to these amounts.
    set_stand_in(
        riverside,
        Limits(
            per_transaction=10_000,
            per_card=20_000,
            per_terminal=200_000,
            count=200,
            age_s=86_400,
            floor_sun=10_000,
            floor_qr=3_000,
        ),
        actor="demonstration",
        at=at,
    )
    old_town = open_store(
        "TOWN", "Old Town", name_zh="老城店", currency=CURRENCY, tills=("Counter 1", "Counter 2")
    )
    return {store.code: store for store in (riverside, old_town)}


def _hire(stores: dict[str, Store]) -> None:
    """Give everybody the first till of their store, where the terminal's taps are shown."""
    _person("cashier", "Mei", "Lin", stores["RIVER"], Staff.Role.CASHIER, password="cashier")
    _person("manager", "Wei", "Zhang", stores["RIVER"], Staff.Role.MANAGER, password="manager")
    admin = {"is_staff": True, "is_superuser": True}
    _person("admin", "An", "Gao", stores["RIVER"], Staff.Role.MANAGER, password="admin", **admin)
    _person("oldtown", "Na", "Li", stores["TOWN"], Staff.Role.CASHIER, password=None)


def _person(
    name: str, given: str, family: str, store: Store, role: str, *, password: str | None, **rights: bool
) -> None:
    user, _ = User.objects.get_or_create(
        username=name, defaults={"first_name": given, "last_name": family, **rights}
    )
    user.set_password(password)
    user.save(update_fields=["password"])
    till = store.tills.order_by("name").first()
    place = {"store": store, "till": till, "code": name, "role": role}
    Staff.objects.get_or_create(user=user, defaults=place)


def _make_programs() -> dict[str, Program]:
    terms: dict[str, dict[str, Any]] = {
        "GIFT": {
            "name": "Gift card",
            "name_zh": "礼品卡",
            "card_valid_months": 36,
            "reactivates_expired": True,
            "load_single_max": 5_000_000,
            "balance_max": 5_000_000,
        },
        "MEMBER": {
            "name": "Member card",
            "name_zh": "会员卡",
            "load_single_max": 300_000,
            "redeem_day_max": 200_000,
            "balance_max": 500_000,
        },
        "NAMED": {
            "name": "Registered card",
            "name_zh": "记名卡",
            "rule_set": RuleSet.objects.get(code="cn_registered"),
        },
    }
    shared = {"currency": CURRENCY, "allowed_credentials": ACCEPTED, "pay_code_max": PAY_CODE_MAX}
    return {
        code: Program.objects.get_or_create(code=code, defaults=shared | ALONE | given)[0]
        for code, given in terms.items()
    }


def _trade(stores: dict[str, Store], programs: dict[str, Program], at: datetime) -> None:
    """Issue every regular's card and let them come and go for a month, in the order of time."""
    chance = random.Random(SEED)
    tills = {code: list(store.tills.select_related("store")) for code, store in stores.items()}
    purses: dict[str, Purse] = {}
    for moment, regular, first in sorted(_visits(stores, chance, at), key=lambda visit: visit[0]):
        at_home = first or chance.random() < VISITS_AT_HOME
        till = chance.choice(tills[regular.store if at_home else _other(regular.store)])
        if first:
            purses[regular.name] = _issue(regular, programs[regular.program], till, moment)
        else:
            _visit(purses[regular.name], till, moment, chance)
    for name, change, reason in (
        (BLOCKED, "block", "Asked for by the holder: the card was left at a friend's."),
        (LOST, "report_lost", "Reported at the counter."),
    ):
        change_state(purses[name].card_id, change, actor="manager", at=at, reason=reason)  # type: ignore[arg-type]


def _make_offers(programs: dict[str, Program], store: Store, at: datetime) -> None:
    """Make the member card's offers, from today on: the month of trade was without them."""
    today = at.astimezone(ZoneInfo(store.timezone)).date()
    shared: dict[str, Any] = {"program": programs["MEMBER"], "starts_on": today, "actor": "manager", "at": at}
    make_offer(
        code="MEMBER50",
        name="500 and 50 more",
        name_zh="充500送50",
        pay_min=Money(50_000, CURRENCY),
        bonus=Money(5_000, CURRENCY),
        bonus_valid_days=180,
        **shared,
    )
    make_offer(
        code="MEMBER240",
        name="2000 and 20 more every month for a year",
        name_zh="充2000，每月送20，送一年",
        pay_min=Money(200_000, CURRENCY),
        bonus=Money(24_000, CURRENCY),
        instalments=12,
        **shared,
    )


def _visits(
    stores: dict[str, Store], chance: random.Random, at: datetime
) -> Iterator[tuple[datetime, Regular, bool]]:
    """Give when each regular gets their card and when they come, up to now."""
    for regular in REGULARS:
        zone = ZoneInfo(stores[regular.store].timezone)
        today = at.astimezone(zone).date()
        for days_ago in range(regular.issued_days_ago, -1, -1):
            first = days_ago == regular.issued_days_ago
            comes = first or (days_ago < DAYS and chance.random() < regular.visits_a_week / 7)
            opened = datetime.combine(today - timedelta(days=days_ago), OPENS_AT, zone)
            hours = datetime.combine(today, CLOSES_AT) - datetime.combine(today, OPENS_AT)
            moment = opened + timedelta(seconds=chance.randrange(int(hours.total_seconds())))
            if comes and moment < at:
                yield moment, regular, first


def _other(store: str) -> str:
    return "TOWN" if store == FIRST_STORE else FIRST_STORE


def _issue(regular: Regular, program: Program, till: Till, at: datetime) -> Purse:
    issued = issue(
        card_id=uuid7(),
        program=program,
        origin=origin_of_till(till),
        actor=_operator(till),
        at=at,
        holder_name=regular.name,
        tap=None if regular.card is None else tap_of_virtual_card(regular.card),
    )
    purse = Purse(regular, issued.card.id)
    _top_up(purse, regular.first_load, till, at)
    return purse


def _visit(purse: Purse, till: Till, at: datetime, chance: random.Random) -> None:
    """Spend, topping up first where too little would be left."""
    spends = Money(chance.randrange(*purse.regular.spends, 50), CURRENCY)
    if purse.balance_minor < spends.amount_minor + purse.regular.keeps_minor:
        _top_up(purse, chance.choice(TOP_UPS), till, at - timedelta(minutes=2))
    if not chance.randrange(VISITS_PER_VOID):
        mistyped = redeem(_request(till, at - timedelta(minutes=1)), at_the_desk(purse.card_id), spends)
        _approved(void(_request(till, at - timedelta(seconds=30)), mistyped.id))
    answer = _approved(redeem(_request(till, at), at_the_desk(purse.card_id), spends))
    purse.balance_minor = answer.balance_minor or 0


def _top_up(purse: Purse, amount_minor: int, till: Till, at: datetime) -> None:
    desk = at_the_desk(purse.card_id)
    answer = _approved(load(_request(till, at), desk, Money(amount_minor, CURRENCY), tender="cash"))
    purse.balance_minor = answer.balance_minor or 0


def _approved(answer: Answer) -> Answer:
    assert answer.approved, f"the demonstration's {answer.type} was declined: {answer.reason}"
    return answer


def _request(till: Till, at: datetime) -> Request:
    made = _uuid7_at(at)
    return Request(
        id=made,
        origin=origin_of_till(till),
        digest=site_keys().content_digest(made.bytes),
        occurred_at=at,
        recorded_at=at,
        operator=_operator(till),
    )


def _operator(till: Till) -> str:
    return "cashier" if till.store.code == FIRST_STORE else "oldtown"


def _uuid7_at(moment: datetime) -> UUID:
    """Make a UUIDv7 as a till would have made it then: the receipt's RRN follows from its time."""
    milliseconds = int(moment.timestamp() * 1000)
    return UUID(int=milliseconds << 80 | uuid7().int & ((1 << 80) - 1))
