"""New PINs and reassignment: the old secrets are dead in the same commit, and the new ones are told once."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from prepaid.cards import phones
from prepaid.cards.errors import CardNotFound, ChangeRefused, NoPin
from prepaid.cards.models import Account, Card, CardEvent, Credential
from prepaid.cards.pins import NewSecrets, set_pin
from prepaid.cards.presentation import Presentation, present
from prepaid.cards.reassign import reassign
from prepaid.identifiers import uuid7
from prepaid.money import Money
from prepaid.stored_value.issue import IssuedCard, issue
from prepaid.stored_value.load import load
from prepaid.stored_value.redeem import redeem
from terminals import messages
from tests.shop import NOON, Shop, assert_ledger_is_clean, figures, open_shop, together

pytestmark = pytest.mark.usefixtures("committed_db")


@pytest.fixture
def shop() -> Shop:
    return open_shop()


def issued(shop: Shop, **asked: Any) -> IssuedCard:
    made = issue(
        card_id=uuid7(), program=shop.program, origin=shop.counter, actor="op-1", at=shop.at, **asked
    )
    desk = Presentation(method="desk", card_id=made.card.id)
    request = shop.request(origin=shop.counter, sequence=None)
    assert load(request, desk, Money(1_000, "CNY"), tender="cash").approved
    return made


def spend(shop: Shop, number: str | None, pin: str | None) -> str | None:
    typed = present(messages.NumberCard(number=number or "", pin=pin))
    return redeem(shop.request(), typed, Money(10, "CNY")).reason


def renewed(made: IssuedCard, **changed: Any) -> NewSecrets:
    asked: dict[str, Any] = {"event_id": uuid7(), "actor": "op-1", "at": NOON, "reason": "forgotten"}
    return set_pin(made.card.id, **asked | changed)


def handed_over(made: IssuedCard, **changed: Any) -> NewSecrets:
    asked: dict[str, Any] = {"event_id": uuid7(), "actor": "boss", "at": NOON, "reason": "notice of 23 Nov"}
    return reassign(made.card.id, holder_name="Li Na", holder_phone="138", **asked | changed)


def test_new_pin_works_and_the_old_one_is_dead(shop: Shop) -> None:
    made = issued(shop)

    new = renewed(made)

    assert new.pin is not None
    assert spend(shop, made.number, new.pin) is None
    assert spend(shop, made.number, made.pin) == "pin_wrong"
    event = CardEvent.objects.get(card=made.card, change="set_pin")
    assert (event.from_state, event.to_state, event.reason, event.actor, event.at) == (
        "active",
        "active",
        "forgotten",
        "op-1",
        NOON,
    )
    assert_ledger_is_clean()


def test_new_pin_unlocks(shop: Shop) -> None:
    made = issued(shop)
    wrong = "000000" if made.pin != "000000" else "111111"
    for _ in range(5):
        spend(shop, made.number, wrong)
    assert spend(shop, made.number, made.pin) == "pin_locked"

    new = renewed(made)

    assert spend(shop, made.number, new.pin) is None


def test_repeat_of_a_new_pin_tells_it_no_more_and_changes_nothing(shop: Shop) -> None:
    made, event_id = issued(shop), uuid7()
    first = renewed(made, event_id=event_id)

    again = renewed(made, event_id=event_id)

    assert again.pin is None
    assert spend(shop, made.number, first.pin) is None


@pytest.mark.parametrize("state", ["blocked", "lost", "closed"])
def test_card_that_does_not_run_gets_no_pin(shop: Shop, state: str) -> None:
    made = issued(shop)
    before = bytes(Credential.objects.get(card=made.card, method="number").pin_mac or b"")
    Card.objects.filter(pk=made.card.pk).update(state=state)

    with pytest.raises(ChangeRefused):
        renewed(made)

    assert bytes(Credential.objects.get(card=made.card, method="number").pin_mac or b"") == before
    assert not CardEvent.objects.filter(card=made.card, change="set_pin").exists()


def test_card_without_a_number_gets_no_pin(shop: Shop) -> None:
    held = shop.card()

    with pytest.raises(NoPin):
        renewed(IssuedCard(card=held.card))

    assert not CardEvent.objects.filter(card=held.card, change="set_pin").exists()


def test_reassigned_account_has_a_new_holder_and_only_new_secrets(shop: Shop) -> None:
    made = issued(shop, holder_name="Wang Xiaoyu")
    before, holder = figures(), Account.objects.get(pk=made.card.account_id).holder
    other = Card.objects.create(
        account=made.card.account, program=shop.program, last_four="2222", state="active", issued_at=NOON
    )

    new = handed_over(made)

    account = Account.objects.select_related("holder").get(pk=made.card.account_id)
    assert account.holder is not None
    assert holder is not None
    assert (account.holder.name, account.holder.phone) == ("Li Na", "138")
    assert figures() == before
    assert spend(shop, made.number, made.pin) == "pin_wrong"
    old_code = redeem(shop.request(), present(messages.QrCard(code=made.qr or "")), Money(10, "CNY"))
    assert old_code.reason == "card_unknown"
    assert figures() == before
    assert spend(shop, made.number, new.pin) is None
    new_code = redeem(shop.request(), present(messages.QrCard(code=new.qr or "")), Money(10, "CNY"))
    assert new_code.approved
    event = CardEvent.objects.get(card=made.card, change="reassign")
    assert (event.from_holder_id, event.to_holder_id, event.reason, event.actor) == (
        holder.pk,
        account.holder.pk,
        "notice of 23 Nov",
        "boss",
    )
    assert Card.objects.get(pk=other.pk).state == "closed"
    assert_ledger_is_clean()


def test_reassigned_account_is_lost_to_the_phones_of_the_holder_before(shop: Shop) -> None:
    made = issued(shop)
    cookie = phones.link(phones.offer_link(made.card, actor="op-1", at=NOON), at=NOON)
    phone = phones.find_phone(cookie)
    assert phone is not None
    phones.give_secret(phone.id)
    unused = phones.offer_link(made.card, actor="op-1", at=NOON)

    handed_over(made)

    assert phones.find_phone(cookie) is None
    assert not Credential.objects.filter(card=made.card, method="pay_code").exists()
    with pytest.raises(phones.LinkRefused):
        phones.link(unused, at=NOON)


def test_repeat_of_a_reassignment_makes_no_second_holder(shop: Shop) -> None:
    made, event_id = issued(shop), uuid7()
    handed_over(made, event_id=event_id)
    holder = Account.objects.get(pk=made.card.account_id).holder_id

    again = handed_over(made, event_id=event_id)

    assert (again.pin, again.qr) == (None, None)
    assert Account.objects.get(pk=made.card.account_id).holder_id == holder


@pytest.mark.parametrize("state", ["issued", "blocked", "lost", "closed"])
def test_account_of_a_card_that_does_not_run_is_not_reassigned(shop: Shop, state: str) -> None:
    made = issued(shop, holder_name="Wang Xiaoyu")
    before = Account.objects.get(pk=made.card.account_id).holder_id
    Card.objects.filter(pk=made.card.pk).update(state=state)

    with pytest.raises(ChangeRefused):
        handed_over(made)

    assert Account.objects.get(pk=made.card.account_id).holder_id == before
    assert not CardEvent.objects.filter(card=made.card.pk, change="reassign").exists()


def test_card_that_does_not_exist_is_not_found() -> None:
    with pytest.raises(CardNotFound):
        reassign(uuid7(), event_id=uuid7(), holder_name="x", actor="x", at=NOON, reason="x")
    with pytest.raises(CardNotFound):
        set_pin(uuid7(), event_id=uuid7(), actor="x", at=NOON, reason="x")


@pytest.mark.race
def test_twenty_reassignments_at_once_leave_one_working_pin(shop: Shop) -> None:
    made = issued(shop)
    calls: list[Any] = [lambda: handed_over(made)] * 20

    results: list[Any] = list(together(calls))

    assert Counter(type(one).__name__ for one in results) == {"NewSecrets": 20}
    Credential.objects.filter(card=made.card, method="number").update(pin_tries_max=100)
    working = {one.pin for one in results if spend(shop, made.number, one.pin) is None}
    assert len(working) == 1
    assert CardEvent.objects.filter(card=made.card, change="reassign").count() == 20
