"""Transactions over the API: answered once, and with the same bytes for each repeat."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.utils import timezone

from prepaid.identifiers import rrn_of, uuid7
from prepaid.ledger.models import LedgerAccount
from prepaid.stored_value.issue import IssuedCard
from tests.api.client import Reply
from tests.api.conftest import Till, shown, stored
from tests.api.contract import assert_declined
from tests.shop import assert_ledger_is_clean, open_shop


def balance_of(issued: IssuedCard) -> int:
    return LedgerAccount.objects.get(pk=issued.card.account_id).balance


def test_redeem_is_answered_as_the_contract_says(till: Till, issued: IssuedCard) -> None:
    body = till.redeem(issued, 1250)

    reply = till.post(body)

    told = reply.json()
    assert reply.status == 201
    assert "idempotent-replayed" not in reply.headers
    recorded_at, chain_hash = told.pop("recorded_at"), told.pop("hash")
    assert recorded_at.endswith("Z")
    assert len(bytes.fromhex(chain_hash)) == 32
    assert told == {
        "id": body["id"],
        "rrn": rrn_of_text(body["id"]),
        "type": "redeem",
        "outcome": "approved",
        "reason": None,
        "approved_amount": 1250,
        "currency": "CNY",
        "balance": 8750,
        "available": 8750,
        "card": {"number_masked": issued.card.number_masked, "program": till.shop.program.code},
        "money_moved": "yes",
        "retry": "never",
        "fix": "operator",
        "message": {"en": "Approved.", "zh": "交易成功。"},
    }
    assert balance_of(issued) == 8750


def test_load_tells_what_was_asked_and_the_balance_with_its_bonus(till: Till, issued: IssuedCard) -> None:
    till.shop.at = timezone.now()
    till.shop.offer(5_000, 600, instalments=2)
    before = balance_of(issued)

    reply = till.post(till.load(issued, amount=5_000))

    told = reply.json()
    assert (told["type"], told["approved_amount"]) == ("load", 5_000)
    assert told["balance"] == told["available"] == balance_of(issued) == before + 5_300
    assert_ledger_is_clean()


def test_stored_value_is_no_tender(till: Till, issued: IssuedCard) -> None:
    before = balance_of(issued)

    reply = till.post(till.load(issued, tender={"type": "stored_value"}))

    assert (reply.status, reply.json()["code"]) == (400, "malformed")
    assert balance_of(issued) == before


def rrn_of_text(text: str) -> str:
    return rrn_of(UUID(text))


def bodies_of_each_kind(till: Till, issued: IssuedCard) -> dict[str, dict[str, Any]]:
    first = till.redeem(issued)
    assert till.post(first).status == 201
    return {
        "redeem": till.redeem(issued),
        "declined redeem": till.redeem(issued, 9_999_999),
        "load": till.load(issued),
        "declined load": till.load(issued, tender={"type": "alipay", "reference": "4200001"}),
        "void": till.posting("void", original=first["id"]),
        "void of nothing": till.posting("void", original=str(uuid7())),
        "reversal": till.posting("reversal", original=first["id"]),
        "reversal of nothing": till.posting("reversal", original=str(uuid7())),
        "hold": till.posting("hold", card=shown(issued), amount=5, currency="CNY", expires_in_s=1),
        "capture": till.posting("capture", original=str(uuid7()), amount=5, currency="CNY"),
        "release": till.posting("release", original=str(uuid7())),
        "refund": till.posting("refund", original=first["id"], amount=5, currency="CNY"),
        "unknown card": till.redeem(issued, card={"method": "qr", "code": "x" * 20}),
    }


def test_repeat_gives_the_same_bytes(till: Till, issued: IssuedCard) -> None:
    for name, body in bodies_of_each_kind(till, issued).items():
        first = till.post(body)
        after = stored()
        repeat = till.post(body)
        query = till.client.call("GET", f"transactions/{body['id']}")

        assert (first.status, repeat.status, query.status) == (201, 200, 200), (name, first.body)
        assert first.body == repeat.body == query.body, name
        assert repeat.headers["idempotent-replayed"] == "true", name
        assert stored() == after, name
    assert_ledger_is_clean()


def test_repeat_may_be_written_another_way(till: Till, issued: IssuedCard) -> None:
    body = till.redeem(issued, allow_partial=False)
    first = till.post(body)
    other = {name: body[name] for name in reversed(body) if name != "allow_partial"}
    other["occurred_at"] = "2026-11-23T04:00:00.12+00:00"
    other["note"] = None

    repeat = till.post(json.dumps(other, indent=1).encode())

    assert (repeat.status, repeat.body) == (200, first.body)


def other_contents(till: Till, body: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        body | {"amount": body["amount"] + 1},
        body | {"currency": "USD"},
        body | {"sequence": body["sequence"] + 1_000},
        body | {"allow_partial": True},
        body | {"note": "n"},
        body | {"operator": "o"},
        body | {"occurred_at": "2026-11-23T04:00:00.121Z"},
        body | {"card": body["card"] | {"entry": "scan"}},
        body | {"type": "load", "tender": {"type": "cash"}},
        {name: body[name] for name in ("id", "sequence", "occurred_at")}
        | {"type": "void", "original": str(uuid7())},
    ]


def test_same_id_with_other_content_moves_nothing(till: Till, issued: IssuedCard) -> None:
    body = till.redeem(issued)
    assert till.post(body).status == 201
    before = stored()

    for other in other_contents(till, body):
        reply = till.post(other)
        assert (reply.status, reply.code) == (422, "id_reused"), other
    assert stored() == before


def test_same_sequence_with_another_id_moves_nothing(till: Till, issued: IssuedCard) -> None:
    body = till.redeem(issued)
    assert till.post(body).status == 201
    before = stored()

    reply = till.post(body | {"id": str(uuid7())})

    assert (reply.status, reply.code) == (422, "sequence_reused")
    assert stored() == before
    assert till.client.call("GET", f"transactions/{body['id']}").status == 200


def test_another_terminal_may_use_the_sequence_but_not_the_id(till: Till, issued: IssuedCard) -> None:
    body = till.redeem(issued)
    assert till.post(body).status == 201
    other = Till(shop=open_shop())
    before = stored()

    reply = other.post(body)

    assert (reply.status, reply.code) == (422, "id_reused")
    assert stored() == before
    assert other.post(body | {"id": str(uuid7())}).status == 201


def test_terminal_sees_only_its_own_transactions(till: Till, issued: IssuedCard) -> None:
    body = till.redeem(issued)
    till.post(body)

    reply = Till(shop=open_shop()).client.call("GET", f"transactions/{body['id']}")

    assert (reply.status, reply.code) == (404, "not_found")


@pytest.mark.parametrize(
    "identifier",
    ["019ab0a4-2c78-7000-8000-5eed5eed5eed", "nothing", "42", "%00", "019ab0a4-2c78-7000-8000-5eed5eed5ee"],
)
def test_unknown_transaction_is_not_found(till: Till, identifier: str) -> None:
    reply = till.client.call("GET", f"transactions/{identifier}")

    assert (reply.status, reply.code) == (404, "not_found")


def test_query_finds_a_transaction_by_its_id_in_capitals(till: Till, issued: IssuedCard) -> None:
    body = till.redeem(issued)
    first = till.post(body)

    assert till.client.call("GET", f"transactions/{body['id'].upper()}").body == first.body


def test_partial_approval_tells_how_much(till: Till, issued: IssuedCard) -> None:
    told = till.post(till.redeem(issued, 12_000, allow_partial=True)).json()

    assert (told["outcome"], told["approved_amount"], told["balance"]) == ("approved", 10_000, 0)


def test_reversal_before_its_original_is_kept_for_it(till: Till, issued: IssuedCard) -> None:
    original = till.redeem(issued)
    before = balance_of(issued)

    reversal = till.post(till.posting("reversal", original=original["id"]))
    late = till.post(original)

    assert (reversal.json()["outcome"], reversal.json()["money_moved"]) == ("approved", "no")
    assert (late.json()["outcome"], late.json()["reason"]) == ("declined", "already_reversed")
    assert balance_of(issued) == before
    assert_ledger_is_clean()


def test_void_of_a_redeem_gives_the_value_back(till: Till, issued: IssuedCard) -> None:
    original = till.redeem(issued)
    till.post(original)

    void = till.post(till.posting("void", original=original["id"])).json()

    assert (void["outcome"], void["approved_amount"], void["money_moved"]) == ("approved", 1250, "yes")
    assert balance_of(issued) == 10_000


def test_a_hold_is_captured_and_its_capture_refunded(till: Till, issued: IssuedCard) -> None:
    money = {"amount": 3_000, "currency": "CNY"}
    hold = till.posting("hold", card=shown(issued), expires_in_s=3600, **money)

    held = till.post(hold).json()
    again = till.post(hold)
    capture = till.posting("capture", original=hold["id"], **money | {"amount": 2_500})
    captured = till.post(capture).json()
    refund = till.posting("refund", original=capture["id"], **money | {"amount": 500})
    refunded = till.post(refund).json()

    assert (held["outcome"], held["balance"], held["available"]) == ("approved", 10_000, 7_000)
    assert held["money_moved"] == "no"
    assert (again.status, again.json()) == (200, held)
    assert (captured["outcome"], captured["balance"], captured["available"]) == ("approved", 7_500, 7_500)
    assert (refunded["outcome"], refunded["balance"]) == ("approved", 8_000)
    assert_ledger_is_clean()


def test_a_hold_is_released_once(till: Till, issued: IssuedCard) -> None:
    hold = till.posting("hold", card=shown(issued), expires_in_s=3600, amount=3_000, currency="CNY")
    till.post(hold)

    released = till.post(till.posting("release", original=hold["id"])).json()

    assert (released["outcome"], released["available"], released["money_moved"]) == ("approved", 10_000, "no")
    assert_declined(till.post(till.posting("release", original=hold["id"])), "already_reversed")
    assert balance_of(issued) == 10_000


@pytest.mark.parametrize("tender", ["bank_card", "alipay", "wechat_pay", "bank_transfer"])
def test_tender_that_is_not_taken_is_declined(till: Till, issued: IssuedCard, tender: str) -> None:
    assert_declined(till.post(till.load(issued, tender={"type": tender})), "type_not_allowed")
    assert balance_of(issued) == 10_000


def test_other_currency_is_declined(till: Till, issued: IssuedCard) -> None:
    assert_declined(till.post(till.redeem(issued, currency="USD")), "currency_mismatch")
    assert_declined(till.post(till.load(issued, currency="XXX")), "currency_mismatch")
    assert balance_of(issued) == 10_000


@pytest.mark.parametrize(
    "moment", ["0002-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "9998-12-31T23:59:59+14:00"]
)
def test_moment_in_the_shop_is_the_shops_word(till: Till, issued: IssuedCard, moment: str) -> None:
    assert till.post(till.redeem(issued, occurred_at=moment)).status == 201


@pytest.mark.race
def test_twenty_sendings_at_once_post_once(till: Till, issued: IssuedCard) -> None:
    body = till.redeem(issued)
    barrier = threading.Barrier(20)

    def send() -> Reply:
        try:
            barrier.wait()
            return till.post(body)
        finally:
            connection.close()

    with ThreadPoolExecutor(20) as threads:
        replies = [future.result() for future in [threads.submit(send) for _ in range(20)]]

    assert sorted(reply.status for reply in replies) == [200] * 19 + [201]
    assert len({reply.body for reply in replies}) == 1
    assert balance_of(issued) == 10_000 - body["amount"]
