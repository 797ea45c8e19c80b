"""Limits beyond one transaction and one day: month, number of loads, holder, instrument, low trust."""

from __future__ import annotations

import os
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection

from prepaid.cards.models import Account, Credential, Holder
from prepaid.cards.presentation import Presentation, at_the_desk
from prepaid.ledger.audit import audit
from prepaid.money import Money
from prepaid.stored_value.answers import Answer
from prepaid.stored_value.hold import capture, hold, release
from prepaid.stored_value.load import load
from prepaid.stored_value.redeem import redeem
from prepaid.stored_value.refund import refund
from prepaid.tenders import Tender
from tests.shop import NOON, HeldCard, Shop, assert_ledger_is_clean, figures, open_shop, together
from tests.stored_value.races import MEET, change, outcomes, take_out

pytestmark = pytest.mark.usefixtures("committed_db")
DAY = timedelta(days=1)
NEXT_MONTH = timedelta(days=8)  # 1 December in Shanghai
WITHOUT_THE_LOCK = """
create or replace function ledger_begin_counter(
    p_kind text, p_subject bytea, p_currency text, p_business_date date
) returns void language sql as 'select'
"""
PIN, WRONG_PIN = b"p" * 32, b"w" * 32


def cny(amount: int) -> Money:
    return Money(amount, "CNY")


def place(shop: Shop, held: HeldCard, amount: int, **changed: Any) -> Answer:
    later = shop.at + timedelta(hours=1)
    return hold(shop.request(**changed), held.tap(), cny(amount), expires_at=later)


def pay_in(shop: Shop, held: HeldCard, amount: int, *, by: str, tender: Tender = "bank_card") -> Answer:
    return load(shop.request(), at_the_desk(held.card.id), cny(amount), tender=tender, tender_reference=by)


def cards_of_one_holder(shop: Shop, count: int, *, balance: int = 10_000) -> list[HeldCard]:
    holder = Holder.objects.create(name="Wang Xiaoyu")
    cards = [shop.card(method="qr") for _ in range(count)]
    Account.objects.filter(pk__in=[held.account_id for held in cards]).update(holder=holder)
    for held in cards:
        assert shop.load_at_desk(held, balance, recorded_at=NOON - DAY).approved
    return cards


def spend(shop: Shop, held: HeldCard, amount: int, **changed: Any) -> Answer:
    shown = Presentation("qr", lookup=bytes(held.credential.lookup))
    return redeem(shop.request(**changed), shown, cny(amount))


def counter_of(kind: str, column: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"select sum({column}) from ledger_counter where kind = %s", [kind])
        return int(cursor.fetchone()[0] or 0)


def by_uid(held: HeldCard, pin: bytes | None = None) -> Presentation:
    return Presentation("uid", lookup=bytes(held.credential.lookup), pin_mac=pin)


def uid_card(shop: Shop) -> HeldCard:
    return shop.card(balance=50_000, method="uid", pin=PIN)


# The account's own


def test_month_s_limit_of_redemptions_begins_again_with_the_month() -> None:
    shop = open_shop(redeem_month_max=1_000)
    held = shop.card(balance=10_000)

    assert shop.redeem(held, 600).approved
    assert shop.redeem(held, 401, recorded_at=NOON + DAY).reason == "limit_day"
    assert shop.redeem(held, 400, recorded_at=NOON + DAY).approved
    before = figures()
    assert shop.redeem(held, 1, recorded_at=NOON + 7 * DAY).reason == "limit_day"
    assert figures() == before
    assert shop.redeem(held, 1_000, recorded_at=NOON + NEXT_MONTH).approved
    assert_ledger_is_clean()


def test_month_s_and_day_s_limits_of_loads_and_their_number() -> None:
    shop = open_shop(load_month_max=1_000, loads_day_max=2)
    held = shop.card()

    assert shop.load(held, 300).approved
    assert shop.load(held, 300).approved
    assert shop.load(held, 1).reason == "limit_day"
    assert shop.load(held, 401, recorded_at=NOON + DAY).reason == "limit_day"
    assert shop.load(held, 400, recorded_at=NOON + DAY).approved
    assert held.balance() == 1_000
    assert_ledger_is_clean()


def test_undone_load_gives_back_its_number_and_its_amount() -> None:
    shop = open_shop(load_day_max=500, loads_day_max=1)
    held = shop.card()
    first = shop.load(held, 500)
    assert shop.load(held, 1).reason == "limit_day"

    assert shop.void(first.id).approved

    assert shop.load(held, 500).approved
    assert_ledger_is_clean()


def test_refund_gives_back_the_day_s_counter_and_its_undoing_takes_it_again() -> None:
    shop = open_shop(redeem_day_max=1_000, redeem_month_max=5_000)
    held = shop.card(balance=10_000)
    bought = shop.redeem(held, 1_000)
    assert shop.redeem(held, 1).reason == "limit_day"

    given = refund(shop.request(), bought.id, cny(400))
    assert (held.row("redeemed_today"), held.row("redeemed_month")) == (600, 600)
    assert shop.void(given.id).approved
    assert (held.row("redeemed_today"), held.row("redeemed_month")) == (1_000, 1_000)
    assert refund(shop.request(recorded_at=NOON + DAY), bought.id, cny(400)).approved
    assert (held.row("redeemed_today"), held.row("redeemed_month")) == (0, 600)
    assert refund(shop.request(recorded_at=NOON + NEXT_MONTH), bought.id, cny(400)).approved
    assert (held.row("redeemed_today"), held.row("redeemed_month")) == (0, 0)
    assert_ledger_is_clean()


def test_open_hold_counts_against_the_day_in_a_redeem_too() -> None:
    shop = open_shop(redeem_day_max=1_000, redeem_month_max=1_500)
    held = shop.card(balance=10_000)
    first = place(shop, held, 700)

    assert shop.redeem(held, 301).reason == "limit_day"
    assert shop.redeem(held, 300).approved
    assert release(shop.request(), first.id).approved
    assert shop.redeem(held, 700).approved
    assert place(shop, held, 501, recorded_at=NOON + DAY).reason == "limit_day"
    assert place(shop, held, 500, recorded_at=NOON + DAY).approved
    assert_ledger_is_clean()


def test_audit_names_a_counter_that_forgot(scratch_db: str) -> None:
    shop = open_shop(holder_redeem_day_max=1_000)
    (held,) = cards_of_one_holder(shop, 1)
    assert spend(shop, held, 600).approved
    change("update ledger_account set redeemed_today = 0")
    change("update ledger_counter set redeemed_today = 0")

    assert {finding.invariant for finding in audit()} == {
        "counters_are_what_their_day_and_month_counted",
        "shared_counter_is_the_sum_of_what_was_counted",
    }


# A holder's, over all their cards


def test_holder_s_limit_counts_over_all_their_cards() -> None:
    shop = open_shop(holder_redeem_day_max=1_000, holder_redeem_month_max=1_500)
    first, second = cards_of_one_holder(shop, 2)
    (somebody_else,) = cards_of_one_holder(shop, 1)

    assert spend(shop, first, 700).approved
    before = figures()
    assert spend(shop, second, 301).reason == "limit_day"
    assert figures() == before
    assert spend(shop, second, 300).approved
    assert spend(shop, somebody_else, 1_000).approved
    assert spend(shop, second, 501, recorded_at=NOON + DAY).reason == "limit_day"
    assert spend(shop, second, 500, recorded_at=NOON + DAY).approved
    assert spend(shop, first, 1_000, recorded_at=NOON + NEXT_MONTH).approved
    assert_ledger_is_clean()


def test_holder_s_limit_of_loads_counts_over_all_their_cards() -> None:
    shop = open_shop(holder_load_day_max=1_000, holder_load_month_max=1_200)
    first, second = cards_of_one_holder(shop, 2, balance=100)

    assert shop.load_at_desk(first, 600).approved
    assert shop.load_at_desk(second, 401).reason == "limit_day"
    assert shop.load_at_desk(second, 400).approved
    assert shop.load_at_desk(second, 1, recorded_at=NOON + DAY).reason == "limit_day"
    assert_ledger_is_clean()


def test_undo_and_refund_give_back_to_the_holder_that_counted_even_when_the_account_has_another() -> None:
    shop = open_shop(holder_redeem_day_max=1_000)
    first, second = cards_of_one_holder(shop, 2)
    bought, again = spend(shop, first, 400), spend(shop, first, 600)
    assert spend(shop, second, 1).reason == "limit_day"
    Account.objects.filter(pk=first.account_id).update(holder=Holder.objects.create(name="Liu Yang"))

    assert refund(shop.request(), bought.id, cny(100)).approved
    assert shop.void(again.id).approved

    assert spend(shop, second, 701).reason == "limit_day"
    assert spend(shop, second, 700).approved
    assert_ledger_is_clean()


def test_hold_counts_for_the_holder_until_it_is_resolved() -> None:
    shop = open_shop(holder_redeem_day_max=1_000)
    first, second = cards_of_one_holder(shop, 2)
    Credential.objects.filter(pk=first.credential.pk).update(method="sun")
    kept, partly, dropped = (place(shop, first, amount) for amount in (100, 500, 400))
    assert spend(shop, second, 1).reason == "limit_day"

    assert capture(shop.request(), partly.id, cny(200)).approved
    assert release(shop.request(), dropped.id).approved
    assert spend(shop, second, 701).reason == "limit_day"
    assert shop.reverse(kept.id).approved
    assert spend(shop, second, 800).approved
    assert_ledger_is_clean()


def test_redeem_without_shared_limits_touches_no_counter(scratch_db: str) -> None:
    shop = open_shop(redeem_day_max=1_000, redeem_month_max=1_500, loads_day_max=9)
    (held,) = cards_of_one_holder(shop, 1)

    assert spend(shop, held, 500).approved

    with connection.cursor() as cursor:
        cursor.execute("select (select count(*) from ledger_counter), (select count(*) from ledger_counted)")
        assert cursor.fetchone() == (0, 0)


def race_for_ten(shop: Shop) -> tuple[list[HeldCard], list[Answer | Exception]]:
    """Spend 100 from each of five cards ten times at once: the holder's limit lets ten through."""
    cards = cards_of_one_holder(shop, 5)
    return cards, together([partial(spend, shop, held, 100) for held in cards for _ in range(10)])


@pytest.mark.race
def test_fifty_threads_over_five_cards_of_one_holder_stop_at_their_limit(committed_db: None) -> None:
    shop = open_shop(holder_redeem_day_max=1_000)

    cards, results = race_for_ten(shop)

    assert outcomes(results) == {"approved": 10, "declined": 40}
    assert {one.reason for one in results if isinstance(one, Answer)} == {None, "limit_day"}
    assert sum(held.balance() for held in cards) == 49_000
    assert_ledger_is_clean()


@pytest.mark.race
def test_without_the_lock_on_the_counter_the_holder_s_limit_is_missed(scratch_db: str) -> None:
    shop = open_shop(holder_redeem_day_max=1_000)
    cards = cards_of_one_holder(shop, 5)
    assert spend(shop, cards[0], 1, recorded_at=NOON - DAY).approved
    change("update ledger_counter set counted_on = '2026-11-23', redeemed_today = 0")
    change(WITHOUT_THE_LOCK)
    last = "    if v_reason is null then\n        for"
    take_out("stored_value_count", last, instead=f"    perform {MEET};\n{last}")

    results = together([partial(spend, shop, held, 1_000) for held in cards for _ in range(2)])

    assert outcomes(results)["approved"] > 1


@pytest.mark.race
def test_undoes_and_redeems_of_one_holder_at_once_keep_the_counter_true(committed_db: None) -> None:
    shop = open_shop(holder_redeem_day_max=2_000)
    cards = cards_of_one_holder(shop, 4)
    bought = [spend(shop, held, 500) for held in cards]

    results = together(
        [partial(shop.void, one.id) for one in bought] + [partial(spend, shop, held, 500) for held in cards]
    )

    assert all(isinstance(one, Answer) for one in results)
    spent = sum(10_000 - held.balance() for held in cards)
    assert spent <= 2_000
    assert_ledger_is_clean()


# A funding instrument's


def test_one_bank_card_loads_only_so_often_a_day_over_all_cards() -> None:
    shop = open_shop(instrument_loads_day_max=2)
    first, second = shop.card(), shop.card()
    number = os.urandom(8).hex()

    assert pay_in(shop, first, 100, by=number).approved
    voided = pay_in(shop, second, 100, by=number)
    before = figures()
    assert pay_in(shop, first, 100, by=number).reason == "limit_day"
    assert figures() == before
    assert pay_in(shop, first, 100, by=os.urandom(8).hex()).approved
    assert pay_in(shop, first, 100, by=number, tender="alipay").approved
    assert all(pay_in(shop, first, 100, by=number, tender="cash").approved for _ in range(3))
    assert shop.void(voided.id).approved
    assert pay_in(shop, first, 100, by=number).approved
    assert pay_in(shop, first, 100, by=number).reason == "limit_day"
    assert_ledger_is_clean()


def test_what_paid_is_kept_as_a_keyed_hash() -> None:
    shop = open_shop(instrument_loads_day_max=2)
    number = os.urandom(8).hex()
    assert pay_in(shop, shop.card(), 100, by=number).approved

    with connection.cursor() as cursor:
        cursor.execute(
            "select length(subject), position(convert_to(%s, 'UTF8') in subject) from ledger_counter "
            "where kind = 'instrument' and counted_on = '2026-11-23'",
            [number],
        )
        assert set(cursor.fetchall()) == {(32, 0)}


# A bare UID's


def test_bare_uid_spends_a_little_and_its_pin_lifts_the_limit() -> None:
    shop = open_shop(allowed_credentials=["uid"], low_trust_single_max=500, low_trust_day_max=800)
    held = uid_card(shop)

    def ask(amount: int, pin: bytes | None = None) -> str | None:
        return redeem(shop.request(), by_uid(held, pin), cny(amount)).reason

    assert ask(501) == "pin_required"
    assert ask(501, WRONG_PIN) == "pin_wrong"
    assert ask(500) is None
    assert ask(301) == "pin_required"
    assert ask(300) is None
    assert ask(1) == "pin_required"
    assert ask(5_000, PIN) is None
    assert held.balance() == 44_200
    assert_ledger_is_clean()


def test_program_may_say_that_no_pin_lifts_a_bare_uid_s_limits() -> None:
    shop = open_shop(
        allowed_credentials=["uid"],
        low_trust_single_max=500,
        low_trust_day_max=800,
        low_trust_pin_lifts=False,
        redeem_single_max=2_000,
    )
    held = uid_card(shop)
    before = figures()

    assert redeem(shop.request(), by_uid(held, PIN), cny(501)).reason == "limit_single"
    assert hold_by_uid(shop, held, 501, PIN).reason == "limit_single"
    assert figures() == before
    assert redeem(shop.request(), by_uid(held), cny(500)).approved
    assert redeem(shop.request(), by_uid(held, PIN), cny(301)).reason == "limit_day"
    assert hold_by_uid(shop, held, 301, PIN).reason == "limit_day"
    assert hold_by_uid(shop, held, 300).approved
    assert redeem(shop.request(), by_uid(held), cny(1)).reason == "limit_day"
    assert redeem(shop.request(), at_the_desk(held.card.id), cny(2_000)).approved
    assert_ledger_is_clean()


def hold_by_uid(shop: Shop, held: HeldCard, amount: int, pin: bytes | None = None) -> Answer:
    later = shop.at + timedelta(hours=1)
    return hold(shop.request(), by_uid(held, pin), cny(amount), expires_at=later)


def test_wrong_pins_of_a_bare_uid_lock_it() -> None:
    shop = open_shop(allowed_credentials=["uid"], low_trust_single_max=500)
    held = uid_card(shop)

    reasons = [redeem(shop.request(), by_uid(held, WRONG_PIN), cny(1)).reason for _ in range(6)]

    assert reasons == ["pin_wrong"] * 5 + ["pin_locked"]
    assert redeem(shop.request(), by_uid(held), cny(500)).approved
    assert redeem(shop.request(), by_uid(held, PIN), cny(501)).reason == "pin_locked"


@pytest.mark.race
def test_taps_of_one_bare_uid_at_once_stop_at_the_day_s_limit(committed_db: None) -> None:
    shop = open_shop(allowed_credentials=["uid"], low_trust_day_max=500)
    held = uid_card(shop)

    results = together([partial(redeem, shop.request(), by_uid(held), cny(100)) for _ in range(20)])

    assert outcomes(results) == {"approved": 5, "declined": 15}
    assert {one.reason for one in results if isinstance(one, Answer)} == {None, "pin_required"}
    assert_ledger_is_clean()


def test_counter_that_a_voided_refund_left_above_its_limit_stands_against_no_top_up() -> None:
    shop = open_shop(holder_redeem_day_max=1_000, holder_load_day_max=50_000)
    first, second = cards_of_one_holder(shop, 2)
    given = refund(shop.request(), spend(shop, first, 1_000).id, cny(600))
    assert [spend(shop, second, 600).approved, shop.void(given.id).approved] == [True, True]
    assert spend(shop, second, 1).reason == "limit_day"
    assert shop.load_at_desk(second, 500).approved
    assert_ledger_is_clean()
