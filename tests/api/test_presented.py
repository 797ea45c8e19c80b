"""Presented cards: unknown ones, PINs, and how little an answer tells who did not prove themselves."""

from __future__ import annotations

import os
from datetime import UTC, datetime

import pytest

from prepaid.cards.models import Credential, Program
from prepaid.identifiers import uuid7
from prepaid.keys import site_keys
from prepaid.ledger.models import LedgerAccount
from prepaid.stored_value.issue import IssuedCard
from prepaid.stored_value.issue import issue as issue_card
from prepaid.stores.models import Tap
from tests.api.conftest import Till
from tests.api.contract import assert_declined
from tests.shop import HeldCard, assert_ledger_is_clean


def balance_of(issued: IssuedCard) -> int:
    return LedgerAccount.objects.get(pk=issued.card.account_id).balance


@pytest.mark.parametrize(
    "card",
    [
        {"method": "sun", "uri": "https://cards.example/t?picc_data=00&cmac=00"},
        {"method": "sun", "uri": "https://cards.example/t?picc_data=EF963FF7828658A599F3041510671E88&cmac=94EED9EE65337086"},
        {"method": "sun", "uri": "not an address \u2603"},
        {"method": "sun", "uri": "http://[::1"},
        {"method": "token", "token": "none"},
        {"method": "uid", "uid": "04A1B2C3D4E5F6", "technology": "ntag215"},
        {"method": "pay_code", "code": "123456"},
        {"method": "number", "number": "8600000000000000", "pin": "000000"},
        {"method": "number", "number": "8600 0000 0000 0000"},
        {"method": "number", "number": "not a number \u2603"},
        {"method": "number", "number": "\u0668\u0666\u0660\u0660\u0660\u0660\u0660\u0660"},
        {"method": "qr", "code": "\u5e97"},
    ],
)  # fmt: skip
def test_card_that_is_none_is_declined(till: Till, issued: IssuedCard, card: dict[str, str]) -> None:
    before = balance_of(issued)

    reply = till.post(till.redeem(issued, card=card))

    assert reply.json()["outcome"] == "declined"
    assert reply.json()["reason"] in ("card_unknown", "credential_refused", "type_not_allowed")
    assert reply.json()["card"] is None
    assert balance_of(issued) == before


def test_wrong_pin_is_declined_and_the_right_one_is_not(till: Till, issued: IssuedCard) -> None:
    number = {"method": "number", "number": issued.number}

    assert_declined(till.post(till.redeem(issued, card=number)), "pin_required")
    assert_declined(till.post(till.redeem(issued, card=number | {"pin": "x"})), "pin_wrong")
    approved = till.post(till.redeem(issued, card=number | {"pin": issued.pin, "entry": "keyed"}))
    assert approved.json()["outcome"] == "approved"


def test_repeat_with_another_pin_gets_the_stored_answer_and_tells_no_right_one(
    till: Till, issued: IssuedCard
) -> None:
    """Who has a terminal's key and a request of its would else learn a PIN by its id, uncounted."""
    number = {"method": "number", "number": issued.number}
    body = till.redeem(issued, card=number | {"pin": "000001"})
    first = till.post(body)
    assert first.json()["reason"] == "pin_wrong"
    credential = Credential.objects.get(card=issued.card, method="number")
    assert credential.pin_failures == 1

    for card in (number | {"pin": "000002"}, number | {"pin": issued.pin}, number):
        repeat = till.post(body | {"card": card})
        assert (repeat.status, repeat.body) == (200, first.body)

    credential.refresh_from_db()
    assert credential.pin_failures == 1
    assert till.post(body | {"card": {"method": "number", "number": "8600000000000000"}}).code == "id_reused"
    assert balance_of(issued) == 10_000


def test_load_by_bare_number_tells_no_balance(till: Till, issued: IssuedCard) -> None:
    body = till.load(issued, card={"method": "number", "number": issued.number})

    told = till.post(body).json()

    assert (told["outcome"], told["balance"], told["available"]) == ("approved", None, None)
    assert balance_of(issued) == 15_000


def test_bare_uid_above_its_limit_is_paid_for_with_the_card_s_pin(till: Till) -> None:
    Program.objects.filter(pk=till.shop.program.pk).update(
        allowed_credentials=["number", "uid"], low_trust_single_max=500
    )
    till.shop.program.refresh_from_db()
    uid = os.urandom(7)
    tap = Tap(method="uid", lookup=site_keys().uid_lookup(uid))
    issued = issue_card(
        card_id=uuid7(),
        program=till.shop.program,
        origin=till.shop.counter,
        actor="test",
        at=datetime.now(UTC),
        tap=tap,
    )
    held = HeldCard(card=issued.card, credential=Credential.objects.get(card=issued.card, method="uid"))
    assert till.shop.load_at_desk(held, 10_000).approved
    card = {"method": "uid", "uid": uid.hex(), "technology": "ntag215"}

    reasons = [
        till.post(till.redeem(issued, amount, card=shown)).json()["reason"]
        for amount, shown in (
            (500, card), (501, card), (501, card | {"pin": "0"}), (501, card | {"pin": issued.pin})
        )
    ]  # fmt: skip

    assert reasons == [None, "pin_required", "pin_wrong", None]
    assert balance_of(issued) == 8_999
    assert_ledger_is_clean()
