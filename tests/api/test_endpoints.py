"""Enrolment, policy, heartbeat, inquiry and batches, each as the contract says."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from prepaid.api.examples import EXAMPLES
from prepaid.api.throttling import InquiryThrottle
from prepaid.cards.models import Card
from prepaid.identifiers import uuid7
from prepaid.stored_value.issue import IssuedCard
from prepaid.stores.enrolment import create_code
from prepaid.stores.models import Tap, Terminal, TerminalFault
from tests.api.conftest import Till, shown, stored
from tests.api.contract import CheckedClient


def enrolment(client: CheckedClient, code: str) -> dict[str, Any]:
    return {
        "code": code,
        "public_key": base64.b64encode(client.public_key).decode(),
        "agent_version": "0.1.0",
        "platform": "Debian 12",
    }


def new_code(till: Till, **options: Any) -> str:
    return create_code(till.shop.store, at=datetime.now(UTC), **options)[0]


def test_enrolled_terminal_may_call(till: Till) -> None:
    client = CheckedClient()

    reply = client.call(
        "POST", "terminals/enrol", enrolment(client, new_code(till, name="Bar")), signed=False
    )

    told = reply.json()
    assert reply.status == 201
    assert (told["name"], told["currency"], told["timezone"]) == ("Bar", "CNY", "Asia/Shanghai")
    assert told["store"] == {"code": till.shop.store.code, "name": "Riverside"}
    client.terminal_id = told["terminal_id"]
    assert client.call("GET", "terminals/policy").json() == told["policy"]


def test_standby_terminal_is_enrolled_as_such(till: Till) -> None:
    client = CheckedClient()

    told = client.call(
        "POST", "terminals/enrol", enrolment(client, new_code(till, standby=True)), signed=False
    ).json()

    assert Terminal.objects.get(pk=told["terminal_id"]).state == "standby"


def test_used_expired_and_unknown_codes_get_one_answer(till: Till) -> None:
    client = CheckedClient()
    used, _ = create_code(till.shop.store, at=datetime.now(UTC))
    expired, _ = create_code(till.shop.store, at=datetime.now(UTC) - timedelta(minutes=16))
    assert client.call("POST", "terminals/enrol", enrolment(client, used), signed=False).status == 201
    count = Terminal.objects.count()

    replies = [
        client.call("POST", "terminals/enrol", enrolment(client, code), signed=False)
        for code in (used, expired, "AAAAA-AAAAA", "x", "店" * 64)
    ]

    assert {(reply.status, reply.code) for reply in replies} == {(403, "enrolment_refused")}
    assert len({reply.body for reply in replies}) == 1
    assert Terminal.objects.count() == count


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("public_key", "x" * 44),
        ("public_key", "!" * 44),
        ("public_key", base64.b64encode(bytes(31)).decode()),
        ("public_key", base64.b64encode(bytes(33)).decode()),
        ("public_key", "店" * 44),
        ("public_key", None),
        ("code", ""),
        ("platform", "x" * 121),
        ("unknown", 1),
    ],
)
def test_bad_enrolment_leaves_the_code_good(till: Till, field: str, value: Any) -> None:
    client, code = CheckedClient(), new_code(till)

    reply = client.call("POST", "terminals/enrol", enrolment(client, code) | {field: value}, signed=False)

    assert (reply.status, reply.code) == (400, "malformed")
    assert list(reply.json()["errors"]) == [field]
    assert client.call("POST", "terminals/enrol", enrolment(client, code), signed=False).status == 201


def test_heartbeat_is_kept_and_answered(till: Till) -> None:
    fault = {
        "code": "NFC-CARD-02",
        "at": "2026-11-23T09:00:00Z",
        "entry": "tap",
        "operator": "o",
        "detail": "d",
    }
    body = EXAMPLES["post_terminals_heartbeat"] | {
        "queue": {"count": 2, "amount": 2500, "oldest_at": "2026-11-23T09:10:00Z"},
        "components": [{"name": "reader", "status": "fault", "code": "NFC-CARD-02"}],
        "faults": [fault],
    }

    first, second = (till.client.call("POST", "terminals/heartbeat", body) for _ in range(2))

    told = first.json()
    assert (first.status, second.status) == (200, 200)
    assert (told["locked"], told["message"], told["minimum_agent_version"]) == (False, None, "0.1.0")
    assert datetime.fromisoformat(told["server_time"]).tzinfo is not None
    terminal = Terminal.objects.get(pk=till.shop.terminal.id)
    assert (terminal.queue_count, terminal.queue_amount_minor, terminal.agent_version) == (2, 2500, "0.1.0")
    assert terminal.components == body["components"]
    assert TerminalFault.objects.filter(terminal=terminal).count() == 1


def inquire(till: Till, card: dict[str, Any]) -> Any:
    return till.client.call("POST", "cards/inquiry", {"card": card})


def test_inquiry_tells_the_balance_and_moves_nothing(till: Till, issued: IssuedCard) -> None:
    before = stored()

    reply = inquire(till, shown(issued) | {"entry": "scan"})

    assert reply.status == 200
    assert reply.json() == {
        "card": {
            "number_masked": issued.card.number_masked,
            "state": "active",
            "program": till.shop.program.code,
        },
        "currency": "CNY",
        "balance": 10_000,
        "available": 10_000,
        "held": 0,
        "expires_on": None,
    }
    assert stored() == before


def test_inquiry_shows_the_card_on_the_counter(till: Till, issued: IssuedCard) -> None:
    inquire(till, shown(issued))

    taps = list(Tap.objects.filter(terminal_id=till.shop.terminal.id).values_list("card_id", "method"))
    assert taps == [(issued.card.id, "qr")]


def test_inquiry_of_a_blocked_card_tells_its_state(till: Till, issued: IssuedCard) -> None:
    Card.objects.filter(pk=issued.card.id).update(state=Card.State.BLOCKED)

    assert inquire(till, shown(issued)).json()["card"]["state"] == "blocked"


def test_inquiry_of_a_card_that_is_none_is_refused(till: Till, issued: IssuedCard) -> None:
    number = {"method": "number", "number": issued.number}

    for card, code in (
        ({"method": "qr", "code": "x" * 20}, "card_unknown"),
        ({"method": "sun", "uri": "https://cards.example/t?picc_data=00&cmac=00"}, "credential_refused"),
        (number, "pin_required"),
        (number | {"pin": "000"}, "pin_wrong"),
    ):
        reply = inquire(till, card)
        assert (reply.status, reply.code) == (422, code)
        assert reply.json()["type"].endswith("#card_refused")
    assert not Tap.objects.filter(terminal_id=till.shop.terminal.id).exists()


def test_inquiries_are_limited_for_each_terminal(till: Till, issued: IssuedCard) -> None:
    replies = [inquire(till, shown(issued)) for _ in range(InquiryThrottle.per_minute)]
    assert {reply.status for reply in replies} == {200}

    # The allowance comes back at one a second, so that a slow machine may be let in a few times more.
    limited = next(
        reply
        for _ in range(InquiryThrottle.per_minute)
        if (reply := inquire(till, shown(issued))).status != 200
    )

    assert (limited.status, limited.code) == (429, "rate_limited")
    assert 1 <= int(limited.headers["retry-after"]) <= 60
    second = Terminal.objects.create(
        store=till.shop.store, name="T2", public_key=bytes(32), enrolled_at=datetime.now(UTC)
    )
    other = Till(shop=replace(till.shop, terminal=second))
    assert inquire(other, shown(issued)).status == 200
    assert till.post(till.redeem(issued)).status == 201


def close(till: Till, first: int, last: int, **totals: dict[str, int]) -> Any:
    body = {"first_sequence": first, "last_sequence": last, "totals": totals}
    return till.client.call("POST", "batches/close", body)


def test_batch_that_agrees_is_balanced(till: Till, issued: IssuedCard) -> None:
    first = till.redeem(issued, 100)
    for body in (first, till.redeem(issued, 250), till.posting("void", original=first["id"])):
        assert till.post(body).json()["outcome"] == "approved"
    totals = {"redeem": {"count": 2, "amount": 350}, "void": {"count": 1, "amount": 100}}

    reply, repeat = (close(till, first["sequence"], till.shop.sequence, **totals) for _ in range(2))

    assert (reply.status, repeat.body) == (200, reply.body)
    told = reply.json()
    assert (told["balanced"], told["missing_sequences"], told["differences"]) == (True, [], {})
    assert till.post(till.posting("void", original=first["id"])).json()["outcome"] == "declined"


def test_batch_that_differs_says_where(till: Till, issued: IssuedCard) -> None:
    body = till.redeem(issued, 100)
    till.post(body)

    told = close(till, body["sequence"], body["sequence"] + 1, redeem={"count": 2, "amount": 300}).json()

    assert told["balanced"] is False
    assert told["missing_sequences"] == [body["sequence"] + 1]
    assert list(told["differences"]) == ["redeem"]


def test_batch_closed_with_other_totals_or_overlapping_is_refused(till: Till) -> None:
    assert close(till, 1, 9, redeem={"count": 0, "amount": 0}).status == 200

    other, overlapping = close(till, 1, 9, redeem={"count": 1, "amount": 5}), close(till, 5, 12)

    assert (other.status, other.code) == (422, "batch_reused")
    assert (overlapping.status, overlapping.code) == (422, "batch_overlaps")


def test_original_of_another_terminal_is_unknown(till: Till, issued: IssuedCard) -> None:
    reply = till.post(till.posting("void", original=str(uuid7())))

    assert (reply.json()["outcome"], reply.json()["reason"]) == ("declined", "original_unknown")
