"""Issuing a card at the counter."""

from __future__ import annotations

import os
import re
from datetime import timedelta
from typing import Any

from django.utils import timezone

from prepaid.cards.models import Card, Credential
from prepaid.identifiers import uuid7
from prepaid.stores.models import Tap
from tests.web.conftest import Desk, open_desk


def post(desk: Desk, **fields: Any) -> Any:
    asked = {"card_id": uuid7(), "load_id": uuid7(), "program": desk.shop.program.code, "medium": "printed"}
    return desk.client().post("/cards/new", asked | fields)


def slip(page: Any, name: str) -> str:
    found = re.search(rf'id="{name}">([\d ]+)<', page.content.decode())
    assert found is not None, page.content.decode()
    return found[1].replace(" ", "")


def test_a_printed_card_shows_its_secrets_once(desk: Desk) -> None:
    card_id, load_id = uuid7(), uuid7()
    page = post(desk, card_id=card_id, load_id=load_id, holder_name="Li Wei", amount="100")
    number, pin = slip(page, "number"), slip(page, "pin")
    assert len(number) == 16
    assert len(pin) == 6
    assert b"<svg" in page.content
    assert "no-store" in page["Cache-Control"]
    card = Card.objects.get(pk=card_id)
    assert (card.state, card.last_four) == ("active", number[-4:])

    again = post(desk, card_id=card_id, load_id=load_id, holder_name="Li Wei", amount="100")
    assert "This card was issued before." in again.content.decode()
    assert number not in again.content.decode().replace(" ", "")
    opened = desk.client().post("/counter/command", {"q": number})
    assert opened["Location"] == f"/counter/{card_id}"
    assert 'data-minor="10000"' in desk.client().get(opened["Location"]).content.decode()


def test_an_nfc_card_is_bound_by_what_the_reader_verified(desk: Desk) -> None:
    lookup = os.urandom(32)
    tap = desk.tap(None, lookup=lookup)
    form = desk.client().get("/cards/new", {"tap": tap.id}).content.decode()
    assert "New card on the reader: verified" in form
    card_id = uuid7()
    page = post(desk, card_id=card_id, medium="nfc", tap=tap.id)
    assert page.status_code == 200
    bound = Credential.objects.get(card_id=card_id, method="sun")
    assert (bytes(bound.lookup), bound.counter) == (lookup, 1)

    twice = post(desk, medium="nfc", tap=desk.tap(None, lookup=lookup).id)
    assert twice.status_code == 422
    assert "belongs to another card already" in twice.content.decode()


def test_an_nfc_card_without_a_good_tap_is_not_issued(desk: Desk) -> None:
    elsewhere = open_desk()
    old = desk.tap(None)
    Tap.objects.filter(pk=old.pk).update(at=timezone.now() - timedelta(minutes=6))
    taps = [None, old.id, elsewhere.tap(None).id, desk.tap(None, method="uid").id, desk.tap(desk.issue()).id]
    before = Card.objects.count()
    for tap_id in taps:
        answer = post(desk, medium="nfc", tap="" if tap_id is None else tap_id)
        assert answer.status_code == 422, tap_id
        assert "wait until it is verified" in answer.content.decode()
    assert Card.objects.count() == before


def test_what_cannot_be_read_issues_nothing(desk: Desk) -> None:
    before = Card.objects.count()
    bad: list[dict[str, str]] = [
        {"amount": "ten"},
        {"amount": "1.234"},
        {"amount": "-5"},
        {"program": "NONE"},
        {"card_id": "x"},
        {"card_id": "00000000-0000-4000-8000-000000000000"},
        {"medium": "paper"},
    ]
    for fields in bad:
        assert post(desk, **fields).status_code == 422, fields
    assert Card.objects.count() == before


def test_a_first_top_up_over_the_limit_is_said_and_the_card_stays(desk: Desk) -> None:
    desk.shop.program.load_single_max = 5_000
    desk.shop.program.save()
    page = post(desk, amount="100")
    assert "Over the limit for one transaction." in page.content.decode()
    assert slip(page, "number")
