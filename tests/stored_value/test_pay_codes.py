"""Pay codes are spent once, in the posting's own commit, up to their program's cap."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest

from prepaid.cards import phones
from prepaid.cards.models import Credential, Program
from prepaid.cards.pay_codes import WINDOW_S, make_code, window_at
from prepaid.cards.phones import PhoneSecret
from prepaid.cards.presentation import Presentation, present
from prepaid.money import Money
from prepaid.stored_value.answers import Answer, Refused
from prepaid.stored_value.hold import hold
from prepaid.stored_value.inquire import inquire
from prepaid.stored_value.redeem import redeem
from terminals import messages
from tests.shop import NOON, HeldCard, Shop, assert_ledger_is_clean, figures, open_shop, together
from tests.stored_value.races import THREADS, outcomes, take_out

TERMS = ["sun", "number", "qr", "pay_code"]
NEXT_WINDOW = NOON + timedelta(seconds=WINDOW_S)


def shop_with_phone(balance: int = 1_000, **terms: object) -> tuple[Shop, HeldCard, PhoneSecret]:
    shop = open_shop(**{"allowed_credentials": TERMS} | terms)
    held = shop.card(balance=balance)
    return shop, held, link_phone(held)


def link_phone(held: HeldCard) -> PhoneSecret:
    cookie = phones.link(phones.offer_link(held.card, actor="op-1", at=NOON), at=NOON)
    phone = phones.find_phone(cookie)
    assert phone is not None
    secret = phones.give_secret(phone.id)
    assert secret is not None
    return secret


def shown(phone: PhoneSecret, *, window: int | None = None) -> messages.PayCodeCard:
    window = window_at(NOON) if window is None else window
    return messages.PayCodeCard(code=make_code(phone.number, phone.secret, window), entry="scan")


def scanned(phone: PhoneSecret, *, window: int | None = None) -> Presentation:
    return present(shown(phone, window=window), at=NOON)


def pay(shop: Shop, presentation: Presentation, amount: int = 100) -> Answer:
    return redeem(shop.request(), presentation, Money(amount, "CNY"))


@pytest.mark.django_db
def test_code_pays_once_and_the_next_window_pays_again() -> None:
    shop, held, phone = shop_with_phone()

    first = pay(shop, scanned(phone))
    moved = figures()
    again = pay(shop, scanned(phone))
    assert figures() == moved
    later = pay(shop, present(shown(phone, window=window_at(NEXT_WINDOW)), at=NEXT_WINDOW))

    assert [answer.reason for answer in (first, again, later)] == [None, "credential_replayed", None]
    assert held.balance() == 800
    assert_ledger_is_clean()


@pytest.mark.django_db
def test_older_window_is_refused_after_a_newer_one_was_spent() -> None:
    shop, held, phone = shop_with_phone()
    older, newer = scanned(phone, window=window_at(NOON) - 1), scanned(phone)

    assert pay(shop, newer).approved
    assert pay(shop, older).reason == "credential_replayed"
    assert held.balance() == 900


@pytest.mark.django_db
def test_repeat_under_the_same_id_gives_the_stored_answer() -> None:
    shop, held, phone = shop_with_phone()
    request, presentation = shop.request(), scanned(phone)

    answers = [redeem(request, presentation, Money(100, "CNY")) for _ in range(2)]

    assert [answer.replayed for answer in answers] == [False, True]
    assert answers[0].hash == answers[1].hash
    assert held.balance() == 900


@pytest.mark.django_db
@pytest.mark.parametrize("windows_ago", [2, 3, 90])
def test_expired_code_is_refused_and_moves_nothing(windows_ago: int) -> None:
    shop, held, phone = shop_with_phone()
    before = figures()

    assert pay(shop, scanned(phone, window=window_at(NOON) - windows_ago)).reason == "credential_refused"
    assert figures() == before
    assert held.balance() == 1_000


@pytest.mark.django_db
@pytest.mark.parametrize(("amount", "reason"), [(500, None), (501, "limit_single"), (2_000, "limit_single")])
def test_code_spends_up_to_its_programs_cap(amount: int, reason: str | None) -> None:
    shop, held, phone = shop_with_phone(balance=5_000, pay_code_max=500)

    assert pay(shop, scanned(phone), amount).reason == reason
    assert held.balance() == (5_000 if reason else 5_000 - amount)
    assert_ledger_is_clean()


@pytest.mark.django_db
def test_cap_holds_for_a_hold_and_not_for_a_tap() -> None:
    shop, held, phone = shop_with_phone(balance=5_000, pay_code_max=500)
    until = NOON + timedelta(hours=1)

    assert hold(shop.request(), scanned(phone), Money(501, "CNY"), expires_at=until).reason == "limit_single"
    assert shop.redeem(held, 501).approved
    assert held.row("held") == 0


@pytest.mark.django_db
def test_program_that_does_not_allow_pay_codes_refuses_them() -> None:
    shop, held, phone = shop_with_phone()
    Program.objects.filter(pk=shop.program.pk).update(allowed_credentials=["sun"])

    assert pay(shop, scanned(phone)).reason == "credential_refused"
    assert Credential.objects.get(card=held.card, method="pay_code").counter == -1


@pytest.mark.django_db
def test_inquiry_tells_the_balance_and_leaves_the_code_good() -> None:
    shop, _held, phone = shop_with_phone()

    assert inquire(shop.origin, scanned(phone), at=NOON).balance_minor == 1_000
    assert pay(shop, scanned(phone)).approved
    with pytest.raises(Refused) as refused:
        inquire(shop.origin, scanned(phone), at=NOON)
    assert refused.value.reason == "credential_replayed"


@pytest.mark.django_db
def test_unlinked_phones_codes_are_worth_nothing() -> None:
    shop, held, phone = shop_with_phone()
    [linked] = phones.list_phones(held.card.id, at=NOON)
    assert phones.unlink(linked.id, actor="op-1", at=NOON)

    assert pay(shop, scanned(phone)).reason == "card_unknown"
    assert held.balance() == 1_000


def race_one_code(shop: Shop, phone: PhoneSecret) -> list[Answer | Exception]:
    presentation = scanned(phone)
    return together([partial(pay, shop, presentation) for _ in range(THREADS)])


@pytest.mark.race
def test_hundred_tills_that_scan_one_code_are_paid_once(committed_db: None) -> None:
    shop, held, phone = shop_with_phone(balance=100_000)

    results = race_one_code(shop, phone)

    assert outcomes(results) == {"approved": 1, "declined": THREADS - 1}
    reasons = {result.reason for result in results if isinstance(result, Answer)}
    assert reasons == {None, "credential_replayed"}
    assert held.balance() == 99_900
    assert_ledger_is_clean()


@pytest.mark.race
def test_without_the_condition_on_the_counter_one_code_pays_often(scratch_db: str) -> None:
    take_out("stored_value_admit_card", " and credential.counter < p_presented.counter")
    shop, held, phone = shop_with_phone(balance=100_000)

    results = race_one_code(shop, phone)

    assert outcomes(results)["approved"] > 1
    assert held.balance() < 99_900
