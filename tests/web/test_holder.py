"""The card holder's pages without scripts: who is let in, what is told, and what an unlinked phone can do."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.test import Client, RequestFactory
from django.utils import timezone
from pytest_django import Settings

from prepaid.api.models import Allowance
from prepaid.cards import phones
from prepaid.cards.models import CardEvent, Credential, Phone, Program
from prepaid.cards.pay_codes import make_code, window_at
from prepaid.cards.presentation import present
from prepaid.identifiers import uuid7
from prepaid.stored_value.issue import IssuedCard
from prepaid.stores.models import Tap
from prepaid.web.holder.access import LINKS_PER_MINUTE, SECRETS_PER_MINUTE, address_of
from terminals import messages
from tests.shop import figures, together
from tests.web.conftest import Desk

PAY_CODES = ["number", "qr", "sun", "pay_code"]


@pytest.fixture
def made(desk: Desk) -> IssuedCard:
    """A card with 1,403.93 of a program that takes pay codes."""
    Program.objects.filter(pk=desk.shop.program.pk).update(allowed_credentials=PAY_CODES)
    desk.shop.program.refresh_from_db()
    return desk.issue(balance=140_393)


def offer(desk: Desk, made: IssuedCard) -> str:
    return phones.offer_link(made.card, actor=desk.staff.code, at=timezone.now())


def linked(desk: Desk, made: IssuedCard) -> Client:
    client = Client()
    answer = client.post("/pay/link", {"token": offer(desk, made)})
    assert (answer.status_code, answer["Location"]) == (302, "/pay/")
    return client


def text_of(answer: Any) -> str:
    return str(answer.content.decode())


def test_linked_phone_shows_balance_and_history_of_its_card(desk: Desk, made: IssuedCard) -> None:
    desk.redeem_at_the_terminal(made, 1_250)
    client = linked(desk, made)

    page, history = text_of(client.get("/pay/")), text_of(client.get("/pay/history"))

    assert 'data-minor="139143"' in page
    assert made.card.number_masked in page
    assert "−¥12.50" in history
    assert "+¥1,403.93" in history
    assert "Riverside" in history


@pytest.mark.parametrize("path", ["/pay/", "/pay/history", "/pay/freeze"])
def test_browser_that_is_not_linked_is_told_nothing(desk: Desk, made: IssuedCard, path: str) -> None:
    strangers = Client()
    strangers.cookies["phone"] = "guessed"

    for client in (Client(), strangers, desk.client()):
        page = text_of(client.get(path))
        assert "This phone is not linked" in page
        assert made.card.last_four not in page
        assert "1,403" not in page


def test_link_works_once(desk: Desk, made: IssuedCard) -> None:
    token = offer(desk, made)
    assert Client().post("/pay/link", {"token": token}).status_code == 302

    again = Client()
    answer = again.post("/pay/link", {"token": token})

    assert answer.status_code == 403
    assert "used before or has expired" in text_of(answer)
    assert "phone" not in again.cookies


@pytest.mark.parametrize("change", [{"link_expires_at": -1}, {"unlinked_at": 0}])
def test_link_that_expired_or_was_taken_back_links_nothing(
    desk: Desk, made: IssuedCard, change: dict[str, int]
) -> None:
    token = offer(desk, made)
    now = timezone.now()
    Phone.objects.filter(card=made.card).update(
        **{name: now + timedelta(seconds=off) for name, off in change.items()}
    )

    assert Client().post("/pay/link", {"token": token}).status_code == 403
    assert Phone.objects.get(card=made.card).linked_at is None


def test_opening_a_link_uses_nothing_up(desk: Desk, made: IssuedCard) -> None:
    offer(desk, made)

    assert Client().get("/pay/link").status_code == 200
    assert Phone.objects.get(card=made.card).linked_at is None


def test_cookie_is_out_of_reach_of_scripts_and_of_other_pages(desk: Desk, made: IssuedCard) -> None:
    cookie = linked(desk, made).cookies["phone"]

    assert (cookie["httponly"], cookie["path"], cookie["samesite"]) == (True, "/pay/", "Lax")
    stored = Phone.objects.get(card=made.card)
    assert stored.cookie_hash is not None
    assert cookie.value.encode() not in bytes(stored.cookie_hash)


def test_secret_makes_codes_that_the_site_knows_and_a_new_one_ends_them(desk: Desk, made: IssuedCard) -> None:
    client = linked(desk, made)
    now = timezone.now()

    def code() -> messages.PayCodeCard:
        given = client.post("/pay/secret").json()
        digits = make_code(given["number"], bytes.fromhex(given["secret"]), window_at(now))
        return messages.PayCodeCard(code=digits)

    old, new = code(), code()

    [credential] = Credential.objects.filter(card=made.card, method="pay_code")
    assert present(new, at=now).lookup == bytes(credential.lookup)
    assert present(old, at=now).lookup != bytes(credential.lookup)


def test_secret_is_given_to_nobody_else(desk: Desk, made: IssuedCard) -> None:
    assert Client().post("/pay/secret").status_code == 401
    assert desk.client().post("/pay/secret").status_code == 401
    assert not Credential.objects.filter(card=made.card, method="pay_code").exists()


def test_unlinked_phone_is_let_in_no_more(desk: Desk, made: IssuedCard) -> None:
    client = linked(desk, made)
    client.post("/pay/secret")
    kept = client.cookies["phone"].value

    assert client.post("/pay/unlink").status_code == 302
    client.cookies["phone"] = kept

    assert "This phone is not linked" in text_of(client.get("/pay/"))
    assert not Credential.objects.filter(card=made.card, method="pay_code").exists()
    assert Phone.objects.get(card=made.card).unlinked_by == "holder"


def test_frozen_card_pays_no_more_and_no_phone_lets_it_run(desk: Desk, made: IssuedCard) -> None:
    client = linked(desk, made)
    before = figures()

    client.post("/pay/freeze")
    client.post("/pay/freeze")

    made.card.refresh_from_db()
    assert made.card.state == "blocked"
    [event] = CardEvent.objects.filter(card=made.card, to_state="blocked")
    assert event.actor == "holder"
    assert figures() == before
    page = text_of(client.get("/pay/"))
    assert "This card cannot pay now" in page
    assert 'id="code"' not in page


def test_program_without_pay_codes_shows_the_balance_alone(desk: Desk, made: IssuedCard) -> None:
    client = linked(desk, made)
    Program.objects.filter(pk=desk.shop.program.pk).update(allowed_credentials=["number"])

    page = text_of(client.get("/pay/"))

    assert "No pay codes for this card" in page
    assert 'data-minor="140393"' in page


def test_links_are_tried_within_a_budget_for_each_address(db: None) -> None:
    address = "203.0.113." + str(uuid7().int % 200)
    answers = [
        Client().post("/pay/link", {"token": "guess"}, REMOTE_ADDR=address).status_code
        for _ in range(LINKS_PER_MINUTE + 1)
    ]

    assert answers == [403] * LINKS_PER_MINUTE + [429]


@pytest.mark.parametrize(("trusted", "address"), [(True, "198.51.100.7"), (False, "127.0.0.1")])
def test_budget_is_that_of_the_address_that_a_trusted_proxy_names(
    settings: Settings, trusted: bool, address: str
) -> None:
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if trusted else None
    request = RequestFactory().get("/pay/", headers={"X-Forwarded-For": "6.6.6.6, 198.51.100.7"})

    assert address_of(request) == address


def test_calls_and_secrets_have_a_budget_for_each_phone(desk: Desk, made: IssuedCard) -> None:
    client = linked(desk, made)

    secrets = [client.post("/pay/secret").status_code for _ in range(SECRETS_PER_MINUTE + 1)]
    assert secrets == [200] * SECRETS_PER_MINUTE + [429]
    assert client.get("/pay/").status_code == 200

    phone = Phone.objects.get(card=made.card)
    used_up = timezone.now() + timedelta(minutes=1)
    Allowance.objects.filter(key=f"pay:{phone.id}").update(used_until=used_up)
    answer = client.get("/pay/")

    assert (answer.status_code, answer["Retry-After"]) == (429, "60")
    assert "1,403" not in text_of(answer)


def test_counter_offers_a_link_and_takes_it_back(desk: Desk, made: IssuedCard) -> None:
    client = desk.client()
    address = f"/cards/{made.card.id}/phones"
    assert "No phone yet" in text_of(client.get(address))

    assert 'id="link-code"' in text_of(client.post(address, {"pin": made.pin}))
    phone = Phone.objects.get(card=made.card)
    assert client.post(f"{address}/{phone.id}/unlink").status_code == 302

    phone.refresh_from_db()
    assert phone.unlinked_by == desk.staff.code
    assert "No phone yet" in text_of(client.get(address))


def test_counter_offers_no_link_for_a_blocked_card(desk: Desk, made: IssuedCard) -> None:
    linked(desk, made).post("/pay/freeze")

    desk.tap(made)
    assert 'id="link-code"' not in text_of(desk.client().post(f"/cards/{made.card.id}/phones"))
    assert Phone.objects.filter(card=made.card, linked_at__isnull=True).count() == 0


def test_pay_code_opens_its_card_at_the_counter_until_it_is_spent(desk: Desk, made: IssuedCard) -> None:
    given = linked(desk, made).post("/pay/secret").json()
    now = timezone.now()
    code = make_code(given["number"], bytes.fromhex(given["secret"]), window_at(now))
    old = make_code(given["number"], bytes.fromhex(given["secret"]), window_at(now) - 5)

    def opens(text: str) -> bool:
        answer = desk.client().post("/counter/command", {"q": text, "mode": "load"})
        return answer.headers.get("Location") == f"/counter/{made.card.id}"

    assert opens(code)
    assert opens("36" + code)
    assert not opens(old)
    assert not opens(code[:-1] + str((int(code[-1]) + 1) % 10))
    Credential.objects.filter(card=made.card, method="pay_code").update(counter=window_at(now))
    assert not opens(code)


def test_cashier_links_no_phone_without_the_holders_pin(desk: Desk, made: IssuedCard) -> None:
    client, address = desk.client(), f"/cards/{made.card.id}/phones"
    assert made.pin
    wrong = str((int(made.pin) + 1) % 10**6).zfill(6)

    assert 'id="link-code"' not in text_of(client.post(address))
    for _ in range(5):
        assert 'id="link-code"' not in text_of(client.post(address, {"pin": wrong}))
    assert 'id="link-code"' not in text_of(client.post(address, {"pin": made.pin}))

    assert Credential.objects.get(card=made.card, method="number").pin_failures == 5
    assert not Phone.objects.filter(card=made.card).exists()


@pytest.mark.parametrize(
    ("method", "minutes_ago", "is_offered"),
    [("sun", 1, True), ("token", 1, True), ("sun", 6, False), ("uid", 1, False), ("qr", 1, False)],
)
def test_fresh_tap_that_proved_the_card_stands_for_the_pin(
    desk: Desk, made: IssuedCard, method: str, minutes_ago: int, is_offered: bool
) -> None:
    tap = desk.tap(made, method=method)
    Tap.objects.filter(pk=tap.id).update(at=timezone.now() - timedelta(minutes=minutes_ago))

    answer = text_of(desk.client().post(f"/cards/{made.card.id}/phones"))

    assert ('id="link-code"' in answer) is is_offered


@pytest.mark.race
def test_of_ten_phones_that_open_one_link_one_is_linked(open_shop_desk: Desk) -> None:
    desk = open_shop_desk
    made = desk.issue()
    token = offer(desk, made)

    results = together([partial(phones.link, token, at=timezone.now())] * 10)  # type: ignore[list-item]

    assert sorted(type(result).__name__ for result in results) == ["LinkRefused"] * 9 + ["str"]
    connection.ensure_connection()
    assert Phone.objects.filter(card=made.card, linked_at__isnull=False).count() == 1
