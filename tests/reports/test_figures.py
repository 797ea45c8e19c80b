"""Exact figures from known postings, over the edges of days, time zones and the folding of the outbox."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from django.db import connection

from prepaid.cards.models import CardEvent
from prepaid.ledger.outbox import fold_outbox
from prepaid.money import Money
from prepaid.reports.figures import EFFECTS, Flow, Report, effect, list_currencies, report
from prepaid.reports.periods import Period, PeriodRefused, last_days, latest_business_date
from prepaid.stored_value.cash_out import cash_out
from prepaid.stored_value.expire import expire_lots
from prepaid.stored_value.hold import capture, hold, release
from prepaid.stored_value.move import move
from prepaid.stored_value.refund import refund
from prepaid.stores.models import Store
from tests.shop import HeldCard, Shop, open_shop
from tests.stored_value.people import adjust_of, asked_by, hire

pytestmark = pytest.mark.usefixtures("own_db")

SUNDAY, MONDAY, TUESDAY = date(2026, 11, 22), date(2026, 11, 23), date(2026, 11, 24)
WEEK = Period(date(2026, 11, 18), TUESDAY)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def shop_at(timezone: str, *, day_starts_at: time = time.min, currency: str = "CNY") -> Shop:
    shop = open_shop(currency=currency)
    shop.store.timezone = timezone
    shop.store.day_starts_at = day_starts_at
    shop.store.save()
    return shop


def card_made_at(shop: Shop, moment: datetime) -> HeldCard:
    shop.at = moment
    held = shop.card(issued_store_id=shop.store.id)
    CardEvent.objects.create(card=held.card, from_state="issued", to_state="active", actor="x", at=moment)
    return held


def by_day(figures: Report) -> dict[date, Flow]:
    return {line.day: line.flow for line in figures.days if line.flow != Flow()}


@pytest.fixture
def shanghai() -> Shop:
    """A shop in Shanghai whose day begins at four in the morning."""
    return shop_at("Asia/Shanghai", day_starts_at=time(4))


def test_day_ends_when_the_store_says_so(shanghai: Shop) -> None:
    held = card_made_at(shanghai, at("2026-11-22T10:00"))
    shanghai.at = at("2026-11-22T19:59:59.999")  # 03:59:59.999 on Monday
    shanghai.load(held, 10_000)
    shanghai.at = at("2026-11-22T20:00")  # 04:00 on Monday
    shanghai.redeem(held, 3_650)

    figures = report(WEEK, currency="CNY")

    assert by_day(figures) == {
        SUNDAY: Flow(topped_up=10_000, topped_up_count=1),
        MONDAY: Flow(redeemed=3_650, redeemed_count=1),
    }


def test_each_store_counts_by_its_own_clock(shanghai: Shop) -> None:
    york = shop_at("America/New_York")
    moment = at("2026-11-24T04:59")  # Monday 23:59 in New York, Tuesday 12:59 in Shanghai
    for shop, amount in ((shanghai, 5_000), (york, 700)):
        held = card_made_at(shop, moment)
        shop.load(held, amount)

    figures = report(WEEK, currency="CNY")

    assert by_day(figures) == {
        MONDAY: Flow(topped_up=700, topped_up_count=1),
        TUESDAY: Flow(topped_up=5_000, topped_up_count=1),
    }
    assert figures.cells == {
        (MONDAY, york.store.id): Flow(topped_up=700, topped_up_count=1),
        (TUESDAY, shanghai.store.id): Flow(topped_up=5_000, topped_up_count=1),
    }
    assert [line.active_cards for line in figures.days] == [0, 0, 0, 0, 0, 1, 2]


def test_what_is_undone_is_taken_off_on_the_day_of_the_undoing(shanghai: Shop) -> None:
    held = card_made_at(shanghai, at("2026-11-22T10:00"))
    shanghai.load(held, 10_000)
    mistaken = shanghai.load(held, 500)
    spent = shanghai.redeem(held, 1_000)
    shanghai.redeem(held, 2_000)
    shanghai.at = at("2026-11-23T10:00")
    assert shanghai.void(mistaken.id).approved
    assert shanghai.reverse(spent.id).approved

    figures = report(WEEK, currency="CNY")

    assert by_day(figures) == {
        SUNDAY: Flow(topped_up=10_500, topped_up_count=2, redeemed=3_000, redeemed_count=2),
        MONDAY: Flow(topped_up=-500, topped_up_count=-1, redeemed=-1_000, redeemed_count=-1),
    }
    assert figures.total == Flow(topped_up=10_000, topped_up_count=1, redeemed=2_000, redeemed_count=1)
    assert figures.liability == held.balance() == 8_000


def test_bonus_and_what_expired_stand_apart_from_what_was_paid(shanghai: Shop) -> None:
    shanghai.at = at("2026-11-22T10:00")
    shanghai.offer(10_000, 900, bonus_valid_days=1, starts_on=SUNDAY)
    held = card_made_at(shanghai, shanghai.at)
    shanghai.load(held, 10_000)
    mistaken = shanghai.load(held, 20_000)
    assert shanghai.void(mistaken.id).approved
    shanghai.redeem(held, 300)
    expire_lots(at("2026-11-24T10:00"))

    figures = report(WEEK, currency="CNY")

    assert by_day(figures) == {
        SUNDAY: Flow(topped_up=10_000, topped_up_count=1, redeemed=300, redeemed_count=1, bonus=900),
        TUESDAY: Flow(expired=600),
    }
    assert figures.liability == held.balance() == 10_000


def test_what_was_corrected_by_hand_stands_apart_either_way(shanghai: Shop) -> None:
    shanghai.at = at("2026-11-22T10:00")
    type(shanghai.program).objects.filter(pk=shanghai.program.pk).update(adjust_alone_max=None)
    held, manager = card_made_at(shanghai, shanghai.at), hire(shanghai)
    asked_by(manager, adjust_of(held, 900), at=at("2026-11-22T11:00"))
    asked_by(manager, adjust_of(held, 250, direction="down"), at=at("2026-11-23T11:00"))

    figures = report(WEEK, currency="CNY")

    assert by_day(figures) == {SUNDAY: Flow(adjusted=900), MONDAY: Flow(adjusted=-250)}
    assert figures.liability == held.balance() == 650


def test_posting_shows_at_once_and_folding_it_changes_nothing(shanghai: Shop) -> None:
    held = card_made_at(shanghai, at("2026-11-23T10:00"))
    for _ in range(3):
        shanghai.load(held, 1_000)
    with connection.cursor() as cursor:
        cursor.execute("select ledger_fold_outbox(2)")
    shanghai.redeem(held, 250)
    before = report(WEEK, currency="CNY")

    assert fold_outbox() == 2
    after = report(WEEK, currency="CNY")

    assert before == after
    assert by_day(after) == {MONDAY: Flow(topped_up=3_000, topped_up_count=3, redeemed=250, redeemed_count=1)}


def test_liability_rolls_forward_from_what_was_before(shanghai: Shop) -> None:
    old = card_made_at(shanghai, at("2026-09-01T10:00"))
    shanghai.load(old, 50_000)  # long before the period and the one before it
    shanghai.at = at("2026-11-12T10:00")
    shanghai.redeem(old, 4_000)  # in the period before
    shanghai.at = at("2026-11-23T10:00")
    shanghai.redeem(old, 1_000)
    shanghai.load(old, 300)

    figures = report(WEEK, currency="CNY")

    assert (figures.liability_before, figures.liability) == (46_000, 45_300)
    assert figures.total_before == Flow(redeemed=4_000, redeemed_count=1)
    for line in figures.days:
        assert line.liability_after == line.liability_before + line.flow.topped_up - line.flow.redeemed
    for line, following in zip(figures.days, figures.days[1:], strict=False):
        assert following.liability_before == line.liability_after
    assert figures.days[-1].liability_after == old.balance()


def test_liability_is_what_the_accounts_hold_whatever_was_posted(shanghai: Shop) -> None:
    held = card_made_at(shanghai, at("2026-11-23T10:00"))
    shanghai.load(held, 20_000)
    spent = shanghai.redeem(held, 5_000)
    later = shanghai.at + timedelta(hours=1)
    kept = hold(shanghai.request(), held.tap(), Money(3_000, "CNY"), expires_at=later)
    given_back = hold(shanghai.request(), held.tap(), Money(400, "CNY"), expires_at=later)
    assert capture(shanghai.request(), kept.id, Money(2_500, "CNY")).approved
    assert release(shanghai.request(), given_back.id).approved
    assert refund(shanghai.request(), spent.id, Money(1_200, "CNY")).approved

    figures = report(WEEK, currency="CNY")

    assert figures.total == Flow(topped_up=20_000, topped_up_count=1, redeemed=6_300, redeemed_count=2)
    assert figures.liability == held.balance() == 13_700


def test_one_store_has_its_own_flow_and_cards_but_liability_is_of_all(shanghai: Shop) -> None:
    other = shop_at("Asia/Shanghai")
    first = card_made_at(shanghai, at("2026-11-23T10:00"))
    second = card_made_at(other, at("2026-11-23T10:00"))
    shanghai.load(first, 1_000)
    other.load(second, 2_000)

    figures = report(WEEK, currency="CNY", store_id=other.store.id)

    assert figures.total == Flow(topped_up=2_000, topped_up_count=1)
    assert [line.store_id for line in figures.stores] == [other.store.id]
    assert set(figures.cells) == {(MONDAY, other.store.id)}
    assert (figures.active_cards, figures.liability) == (1, 3_000)


def test_currencies_are_never_added_up(shanghai: Shop) -> None:
    held = card_made_at(shanghai, at("2026-11-23T10:00"))
    shanghai.load(held, 1_000)
    abroad = open_shop(currency="USD")
    abroad.store.currency = "USD"
    abroad.store.save()

    assert list_currencies() == ["CNY", "USD"]
    assert report(WEEK, currency="CNY").liability == 1_000
    assert report(WEEK, currency="USD").total == Flow()


def test_active_cards_count_from_becoming_active_until_no_longer(shanghai: Shop) -> None:
    first = card_made_at(shanghai, at("2026-11-01T10:00"))
    card_made_at(shanghai, at("2026-11-22T10:00"))
    CardEvent.objects.create(
        card=first.card, from_state="active", to_state="blocked", actor="x", at=at("2026-11-23T10:00")
    )
    CardEvent.objects.create(
        card=first.card, from_state="blocked", to_state="lost", actor="x", at=at("2026-11-23T11:00")
    )

    figures = report(WEEK, currency="CNY")

    assert [line.active_cards for line in figures.days] == [1, 1, 1, 1, 2, 1, 1]
    assert (figures.active_cards_before, figures.active_cards) == (1, 1)


def test_what_comes_after_the_period_is_not_in_it(shanghai: Shop) -> None:
    held = card_made_at(shanghai, at("2026-11-23T10:00"))
    shanghai.load(held, 1_000)

    figures = report(Period(SUNDAY, SUNDAY), currency="CNY")

    assert (figures.total, figures.liability, figures.active_cards) == (Flow(), 0, 0)


def test_type_that_the_report_does_not_know_is_never_left_out_silently() -> None:
    with pytest.raises(KeyError):
        effect("fee", "", 1, 100)
    from prepaid.reports.figures import UNDOES
    from terminals.messages import TransactionType

    assert {*EFFECTS, *UNDOES} >= set(TransactionType.__args__)  # type: ignore[attr-defined]


def test_what_is_paid_out_lowers_the_liability_and_a_move_does_not(shanghai: Shop) -> None:
    giver, taker = (card_made_at(shanghai, at("2026-11-22T10:00")) for _ in range(2))
    shanghai.load(giver, 1_000)
    shanghai.at = at("2026-11-23T10:00")
    till: dict[str, Any] = {"origin": shanghai.counter, "sequence": None}
    move(shanghai.request(**till), giver.card.id, taker.card.id, Money(400, "CNY"))
    cash_out(shanghai.request(**till), taker.card.id, paid_minor=150, tender="cash")
    mistaken = cash_out(shanghai.request(**till), giver.card.id, paid_minor=100, tender="cash")
    shanghai.void(mistaken.id, **till)

    figures = report(WEEK, currency="CNY")

    assert by_day(figures)[MONDAY] == Flow(paid_out=150)
    assert (figures.liability, figures.total.change) == (850, 850)


def test_period_knows_its_days_and_the_one_before() -> None:
    week = last_days(7, until=TUESDAY)

    assert week == WEEK
    assert (week.days[0], week.days[-1], week.days_count) == (date(2026, 11, 18), TUESDAY, 7)
    assert week.previous == Period(date(2026, 11, 11), date(2026, 11, 17))
    assert Period(date(2025, 11, 24), TUESDAY).days_count == 366


@pytest.mark.parametrize(
    ("first", "last", "code"), [(TUESDAY, MONDAY, "order"), (date(2025, 11, 23), TUESDAY, "length")]
)
def test_period_that_is_none_is_refused(first: date, last: date, code: str) -> None:
    with pytest.raises(PeriodRefused) as caught:
        Period(first, last)
    assert caught.value.code == code


def test_today_is_where_the_day_is_furthest() -> None:
    stores = [
        Store(code="NY", currency="USD", timezone="America/New_York"),
        Store(code="SH", currency="CNY", timezone="Asia/Shanghai"),
    ]
    assert latest_business_date(stores, at("2026-11-23T17:00")) == TUESDAY
    assert latest_business_date(stores[:1], at("2026-11-23T17:00")) == MONDAY
    assert latest_business_date([], at("2026-11-23T17:00")) == MONDAY
