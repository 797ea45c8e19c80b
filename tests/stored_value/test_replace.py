"""A lost card replaced, an expired one exchanged: the value stays, the old card is dead in that commit."""

from __future__ import annotations

import os
from collections import Counter
from datetime import date, timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection

from prepaid.cards import lifecycle
from prepaid.cards.errors import CardNotFound, ChangeRefused
from prepaid.cards.models import Card, CardEvent, Credential
from prepaid.cards.presentation import Presentation, present
from prepaid.identifiers import uuid7
from prepaid.ledger.accounts import general_account_id
from prepaid.money import Money
from prepaid.stored_value.calls import REQUEST, fetch, request_values
from prepaid.stored_value.cash_out import cash_out
from prepaid.stored_value.issue import AlreadyBound, IssuedCard, issue
from prepaid.stored_value.load import load
from prepaid.stored_value.redeem import redeem
from prepaid.stored_value.refund import refund
from prepaid.stored_value.replace import Successor, exchange, reactivate, replace
from prepaid.stores.models import Tap
from terminals import messages
from tests.shop import HeldCard, Shop, assert_ledger_is_clean, figures, open_shop, together
from tests.stored_value.lots import add_lot, lots_of
from tests.stored_value.races import change as change_function

pytestmark = pytest.mark.usefixtures("committed_db")
YESTERDAY = date(2026, 11, 22)


@pytest.fixture
def shop() -> Shop:
    return open_shop(card_valid_months=12, value_valid_months=6)


def at_the_till(shop: Shop, **changed: Any) -> Any:
    return shop.request(origin=shop.counter, sequence=None, **changed)


def nfc_tap(lookup: bytes | None = None) -> Tap:
    return Tap(method="sun", lookup=lookup or os.urandom(32), counter=4, key_version=1)


def issued(shop: Shop, *, balance: int = 0, tap: Tap | None = None) -> IssuedCard:
    made = issue(
        card_id=uuid7(), program=shop.program, origin=shop.counter, actor="op-1", at=shop.at, tap=tap
    )
    if balance:
        desk = Presentation(method="desk", card_id=made.card.id)
        assert load(at_the_till(shop), desk, Money(balance, "CNY"), tender="cash").approved
    return made


def spend(shop: Shop, presentation: Presentation) -> str | None:
    return redeem(shop.request(), presentation, Money(100, "CNY")).reason


def by_number(made: IssuedCard) -> Presentation:
    return present(messages.NumberCard(number=made.number or "", pin=made.pin))


def replaced(shop: Shop, made: IssuedCard, **changed: Any) -> Successor:
    asked: dict[str, Any] = {"new_card_id": uuid7(), "reason": "left on a bus"}
    return replace(at_the_till(shop), made.card.id, **asked | changed)


def test_replaced_card_is_dead_and_the_new_one_presents_the_same_value(shop: Shop) -> None:
    lookup = os.urandom(32)
    old = issued(shop, balance=1_000, tap=nfc_tap(lookup))
    lifecycle.change_state(old.card.id, "report_lost", actor="op-1", at=shop.at)
    before = figures()

    new = replaced(shop, old, tap=nfc_tap()).issued

    assert (new.card.account_id, new.card.state, new.card.replaces_id) == (
        old.card.account_id,
        "active",
        old.card.id,
    )
    assert new.card.expires_on == old.card.expires_on == date(2027, 11, 23)
    assert figures() == before
    dead = [
        by_number(old),
        present(messages.QrCard(code=old.qr or "")),
        Presentation(method="sun", lookup=lookup, counter=99),
        Presentation(method="desk", card_id=old.card.id),
    ]
    assert [spend(shop, one) for one in dead] == ["card_closed"] * 4
    assert figures() == before
    assert spend(shop, by_number(new)) is None
    assert spend(shop, present(messages.QrCard(code=new.qr or ""))) is None
    assert set(Credential.objects.filter(card=new.card).values_list("method", flat=True)) == {
        "number",
        "qr",
        "sun",
    }
    event = CardEvent.objects.get(card=old.card, change="replace")
    assert (event.from_state, event.to_state, event.reason, event.actor, event.at) == (
        "lost",
        "closed",
        "left on a bus",
        "op-1",
        shop.at,
    )
    assert_ledger_is_clean()


def test_repeat_of_a_replacement_gives_the_card_without_its_secrets(shop: Shop) -> None:
    old, new_card_id = issued(shop), uuid7()
    first = replaced(shop, old, new_card_id=new_card_id).issued

    again = replaced(shop, old, new_card_id=new_card_id).issued

    assert again.card == first.card
    assert (again.number, again.pin, again.qr) == (None, None, None)
    assert Card.objects.filter(account=old.card.account).count() == 2


@pytest.mark.parametrize("state", ["issued", "blocked"])
def test_card_that_may_not_be_replaced_stays_as_it_is(shop: Shop, state: str) -> None:
    old = issued(shop, balance=1_000)
    Card.objects.filter(pk=old.card.pk).update(state=state)
    before = figures()

    with pytest.raises(ChangeRefused):
        replaced(shop, old)

    assert Card.objects.filter(account=old.card.account).count() == 1
    assert (Card.objects.get(pk=old.card.pk).state, figures()) == (state, before)


def test_closed_card_is_replaced_once_for_what_came_back_to_its_account(shop: Shop) -> None:
    old = issued(shop, balance=1_000)
    number = by_number(old)
    spent = redeem(shop.request(), number, Money(400, "CNY"))
    till = at_the_till(shop, operator="op-2")
    assert cash_out(till, old.card.id, paid_minor=600, tender="cash", closes_because="moves away").approved
    assert refund(shop.request(operator="op-2"), spent.id, Money(400, "CNY")).approved

    new = replaced(shop, old).issued

    assert spend(shop, by_number(new)) is None
    with pytest.raises(ChangeRefused):
        replaced(shop, old)
    with pytest.raises(ChangeRefused):
        replaced(shop, IssuedCard(card=old.card), new_card_id=uuid7())
    assert Card.objects.filter(account=old.card.account).count() == 2
    # The card stays closed though its closing is voided: another took its place.
    assert shop.void(till.id, origin=shop.counter, sequence=None).approved
    assert Card.objects.get(pk=old.card.pk).state == "closed"
    assert_ledger_is_clean()


def test_card_that_does_not_exist_is_not_replaced(shop: Shop) -> None:
    with pytest.raises(CardNotFound):
        replace(at_the_till(shop), uuid7(), new_card_id=uuid7(), reason="x")


def test_nfc_card_that_is_bound_already_replaces_nothing(shop: Shop) -> None:
    taken = nfc_tap()
    issued(shop, tap=taken)
    old = issued(shop, balance=1_000)

    with pytest.raises(AlreadyBound):
        replaced(shop, old, tap=taken)

    assert Card.objects.get(pk=old.card.pk).state == "active"
    assert not CardEvent.objects.filter(card=old.card, change="replace").exists()
    assert spend(shop, by_number(old)) is None


def expired(shop: Shop, **terms: Any) -> HeldCard:
    """A card that expired yesterday; of its value 100 and 40 bonus expired as well, 200 did not."""
    for name, value in terms.items():
        setattr(shop.program, name, value)
    shop.program.save()
    held = shop.card(expires_on=None)
    add_lot(held, shop, 100, expires_on=YESTERDAY)
    add_lot(held, shop, 40, bonus=True, expires_on=YESTERDAY, campaign="autumn")
    add_lot(held, shop, 200, expires_on=None)
    Card.objects.filter(pk=held.card.pk).update(expires_on=YESTERDAY)
    return held


def exchanged(shop: Shop, held: HeldCard, **changed: Any) -> Successor:
    asked: dict[str, Any] = {"new_card_id": uuid7(), "reason": "expired"}
    return exchange(at_the_till(shop), held.card.id, **asked | changed)


def test_exchange_gives_a_valid_card_and_reactivates_expired_value_lot_by_lot(shop: Shop) -> None:
    held = expired(shop, reactivates_expired=True)

    made = exchanged(shop, held)

    assert made.issued.card.expires_on == date(2027, 11, 23)
    assert made.reactivated is not None
    # Nothing came in: what stood there already can be spent again.
    assert (made.reactivated.approved_minor, made.reactivated.balance_minor) == (0, 340)
    assert made.reactivated.available_minor == 340
    assert lots_of(held) == [
        '(f,200,,cash,"")',
        '(f,100,2027-05-23,cash,"")',
        "(t,40,2027-05-23,promotion,autumn)",
    ]
    assert spend(shop, by_number(made.issued)) is None
    assert Card.objects.get(pk=held.card.pk).state == "closed"
    assert_ledger_is_clean()


def test_exchange_under_a_program_that_does_not_reactivate_leaves_the_lots(shop: Shop) -> None:
    held = expired(shop)
    before = figures()

    made = exchanged(shop, held)

    assert (made.reactivated, figures(), held.balance()) == (None, before, 340)
    desk = Presentation(method="desk", card_id=made.issued.card.id)
    assert redeem(shop.request(), desk, Money(201, "CNY")).reason == "insufficient_funds"
    refused = reactivate(at_the_till(shop), made.issued.card.id)
    assert (refused.reason, figures()) == ("type_not_allowed", before)


def test_repeated_exchange_reactivates_once(shop: Shop) -> None:
    held, new_card_id, request = expired(shop, reactivates_expired=True), uuid7(), at_the_till(shop)
    exchange(request, held.card.id, new_card_id=new_card_id, reason="expired")
    before = figures()

    again = exchange(request, held.card.id, new_card_id=new_card_id, reason="expired")

    assert (again.issued.card.id, again.issued.number, figures()) == (new_card_id, None, before)
    nothing_left = reactivate(at_the_till(shop), new_card_id)
    assert (nothing_left.outcome, nothing_left.money_moved, figures()) == ("approved", False, before)
    assert_ledger_is_clean()


def test_card_that_has_not_expired_is_not_exchanged(shop: Shop) -> None:
    held = shop.card(balance=100, expires_on=date(2026, 11, 23))

    with pytest.raises(ChangeRefused):
        exchanged(shop, held)

    assert Card.objects.get(pk=held.card.pk).state == "active"


def test_lost_card_that_has_expired_is_replaced_by_a_valid_one(shop: Shop) -> None:
    held = expired(shop, reactivates_expired=True)
    Card.objects.filter(pk=held.card.pk).update(state="lost")

    made = replace(at_the_till(shop), held.card.id, new_card_id=uuid7(), reason="lost")

    assert made.issued.card.expires_on == date(2027, 11, 23)
    assert made.reactivated is not None
    assert made.reactivated.available_minor == 340
    assert_ledger_is_clean()


def post_expire(shop: Shop, held: HeldCard) -> None:
    """Take expired lots away as the clock's job does: to breakage, as a transaction of type `expire`."""
    change_function(
        "create or replace function ledger_expire_for_a_test(p_request ledger_request, p_account uuid, "
        "p_breakage uuid) returns bytea language plpgsql security definer as $$ declare a ledger_account; "
        "b ledger_account; legs ledger_leg[]; gone bigint; begin "
        "select * into a from ledger_account where id = p_account for update; b := a; "
        "legs := array(select row(lot_no, a.id, p_breakage, remaining)::ledger_leg from unnest(a.lots) "
        "where expires_on < p_request.business_date); "
        "b.lots := array(select lot from unnest(a.lots) as lot "
        "where expires_on is null or expires_on >= p_request.business_date); "
        "gone := (select sum(amount) from unnest(legs)); b.balance := a.balance - gone; "
        "perform stored_value_reply_with(p_request, 'expire', null, null, gone, a.currency, b.balance, null, "
        "a.position + 1, null, null, null); "
        "return ledger_post(p_request, a, b, 'expire', gone, null, null, null, legs); end $$"
    )
    connection.close()
    breakage = general_account_id("breakage", owner_id=shop.store.id, currency="CNY")
    request = at_the_till(shop)
    fetch(
        f"select ledger_expire_for_a_test({REQUEST}, %s::uuid, %s::uuid)",
        [*request_values(request), held.account_id, breakage],
    )


def test_value_that_expiry_took_away_comes_back_once(scratch_db: str) -> None:
    shop = open_shop(card_valid_months=12, value_valid_months=6)
    held = expired(shop, reactivates_expired=True)
    post_expire(shop, held)
    assert held.balance() == 200

    made = exchanged(shop, held)

    assert made.reactivated is not None
    assert (made.reactivated.approved_minor, made.reactivated.balance_minor) == (140, 340)
    assert lots_of(held) == [
        '(f,200,,cash,"")',
        '(f,100,2027-05-23,cash,"")',
        "(t,40,2027-05-23,promotion,autumn)",
    ]
    before = figures()
    again = reactivate(at_the_till(shop), made.issued.card.id)
    assert (again.approved_minor, figures()) == (0, before)
    assert_ledger_is_clean()


@pytest.mark.race
def test_of_twenty_replacements_at_once_one_is_made(shop: Shop) -> None:
    old = issued(shop, balance=1_000)

    results: list[Any] = list(together([partial(replaced, shop, old) for _ in range(20)]))  # type: ignore[misc]

    assert Counter(type(one).__name__ for one in results) == {"Successor": 1, "ChangeRefused": 19}
    assert Card.objects.filter(account=old.card.account, state="active").count() == 1
    assert_ledger_is_clean()


@pytest.mark.race
def test_without_the_lock_on_the_card_only_the_key_lets_one_take_its_place(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = issued(shop, balance=1_000)
    assert " for update" in lifecycle._CHANGE
    monkeypatch.setattr(lifecycle, "_CHANGE", "select 'active', 'closed', null where %(card)s is not null")

    results: list[Any] = list(together([partial(replaced, shop, old) for _ in range(20)]))  # type: ignore[misc]

    kinds = Counter(type(one).__name__ for one in results)
    assert kinds["Successor"] == 1
    assert kinds["IntegrityError"] > 0
    assert Card.objects.filter(replaces=old.card).count() == 1


def test_time_in_a_shop_s_day_decides_what_has_expired(shop: Shop) -> None:
    held = expired(shop, reactivates_expired=True)
    Card.objects.filter(pk=held.card.pk).update(expires_on=date(2026, 11, 23))
    midnight = shop.at + timedelta(hours=12)

    with pytest.raises(ChangeRefused):
        exchange(at_the_till(shop), held.card.id, new_card_id=uuid7(), reason="x")
    made = exchange(at_the_till(shop, recorded_at=midnight), held.card.id, new_card_id=uuid7(), reason="x")

    assert made.issued.card.expires_on == date(2027, 11, 24)
