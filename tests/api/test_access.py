"""Who is let in: a terminal that signed this very call, now; and nothing is said to anybody else."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from prepaid.api.operations import OPERATIONS
from prepaid.identifiers import uuid7
from prepaid.stored_value.issue import IssuedCard
from prepaid.stores.models import Terminal
from tests.api.client import Reply, TerminalClient, sign
from tests.api.conftest import Till, stored

SIGNED = [operation for operation in OPERATIONS if operation.is_signed]


def set_state(till: Till, state: str) -> None:
    Terminal.objects.filter(pk=till.shop.terminal.id).update(state=state)


@pytest.mark.parametrize("operation", SIGNED, ids=lambda operation: operation.operation_id)
def test_endpoint_asks_for_a_signature(till: Till, operation: Any) -> None:
    path = operation.path.replace("{transaction_id}", str(uuid7()))
    body: dict[str, Any] | None = {} if operation.request is not None else None

    reply = till.client.call(operation.method.upper(), path, body, signed=False)

    assert (reply.status, reply.code) == (401, "bad_signature")
    assert reply.headers["www-authenticate"] == "Signature"
    assert reply.headers["accept-signature"].startswith(
        'sig1=("@method" "@path" "content-digest");created;keyid'
    )


def refused(reply: Reply) -> None:
    assert (reply.status, reply.code) == (401, "bad_signature")
    assert (reply.json()["detail"], reply.json()["errors"]) == ("", {})


def test_unknown_terminal_and_wrong_key_get_the_same_answer(till: Till, issued: IssuedCard) -> None:
    body, before = till.redeem(issued), stored()
    stranger = TerminalClient(terminal_id=uuid7())
    impostor = TerminalClient(terminal_id=till.client.terminal_id)

    first, second = stranger.call("POST", "transactions", body), impostor.call("POST", "transactions", body)

    refused(first)
    assert first.body == second.body
    assert stored() == before


@pytest.mark.parametrize("state", ["active", "locked", "retired"])
@pytest.mark.parametrize("created", [0, -301, 301, -86_400])
def test_state_and_clock_show_only_behind_a_signature(till: Till, state: str, created: int) -> None:
    set_state(till, state)
    impostor = TerminalClient(terminal_id=till.client.terminal_id)

    refused(impostor.call("GET", "terminals/policy", created=int(time.time()) + created))


@pytest.mark.parametrize("off_s", [-310, 310, -(10**9), 10**9])
def test_clock_that_is_off_is_told_the_time(till: Till, issued: IssuedCard, off_s: int) -> None:
    before = stored()

    reply = till.client.call("POST", "transactions", till.redeem(issued), created=int(time.time()) + off_s)

    assert (reply.status, reply.code) == (401, "SW-CLK-01")
    assert abs(parsedate_to_datetime(reply.headers["date"]).timestamp() - time.time()) < 60
    assert stored() == before


@pytest.mark.parametrize("off_s", [-270, 270])
def test_clock_within_five_minutes_is_let_in(till: Till, issued: IssuedCard, off_s: int) -> None:
    reply = till.client.call("POST", "transactions", till.redeem(issued), created=int(time.time()) + off_s)

    assert reply.status == 201


@pytest.mark.parametrize(("state", "code"), [("retired", "terminal_retired"), ("locked", "SW-TAMP-01")])
@pytest.mark.parametrize("operation", SIGNED, ids=lambda operation: operation.operation_id)
def test_terminal_that_may_not_work_is_told_so(till: Till, operation: Any, state: str, code: str) -> None:
    path = operation.path.replace("{transaction_id}", str(uuid7()))
    assert till.client.call("GET", "terminals/policy").status == 200
    set_state(till, state)
    before = stored()

    reply = till.client.call(operation.method.upper(), path, {} if operation.request is not None else None)

    assert (reply.status, reply.code) == (403, code)
    assert stored() == before


def test_locked_terminal_works_again_when_it_is_unlocked(till: Till, issued: IssuedCard) -> None:
    body = till.redeem(issued)
    set_state(till, "locked")
    assert till.post(body).status == 403

    set_state(till, "active")

    assert till.post(body).status == 201


def test_clock_is_looked_at_before_the_state(till: Till) -> None:
    set_state(till, "retired")

    assert till.client.call("GET", "terminals/policy", created=int(time.time()) - 400).code == "SW-CLK-01"


def test_changed_body_is_refused(till: Till, issued: IssuedCard) -> None:
    body, before = till.redeem(issued, 1), stored()
    signed_for_one = sign(
        till.client.key,
        keyid=str(till.client.terminal_id),
        method="POST",
        target="/api/v1/transactions",
        body=b'{"amount": 1}',
    )

    refused(till.client.call("POST", "transactions", body, headers=signed_for_one))
    only_digest = {"Content-Digest": signed_for_one["Content-Digest"]}
    refused(till.client.call("POST", "transactions", body, headers=only_digest))
    assert stored() == before


def test_signature_of_another_call_is_refused(till: Till) -> None:
    keyid = str(till.client.terminal_id)
    for method, target in (("POST", "/api/v1/terminals/policy"), ("GET", "/api/v1/terminals/policies")):
        headers = sign(till.client.key, keyid=keyid, method=method, target=target)
        refused(till.client.call("GET", "terminals/policy", headers=headers))


def test_query_must_be_signed(till: Till) -> None:
    headers = sign(
        till.client.key, keyid=str(till.client.terminal_id), method="GET", target="/api/v1/terminals/policy"
    )

    assert till.client.call("GET", "terminals/policy?since=1%20").status == 200
    refused(till.client.call("GET", "terminals/policy?since=1", headers=headers))
    refused(till.client.call("GET", "terminals/policy?since=1", covered=("@method", "@path")))


def test_signed_call_sent_twice_posts_once(till: Till, issued: IssuedCard) -> None:
    body = till.redeem(issued)
    created = int(time.time())

    first = till.client.call("POST", "transactions", body, created=created)
    replay = till.client.call("POST", "transactions", body, created=created)

    assert (first.status, replay.status, replay.body) == (201, 200, first.body)


@pytest.mark.parametrize(
    "headers",
    [
        {"Signature": ""},
        {"Signature": "sig1=:AAAA:"},
        {"Signature": "sig1=::"},
        {"Signature": "sig1=" + ":" + "A" * 4000 + ":"},
        {"Signature-Input": ""},
        {"Signature-Input": "sig1=()"},
        {"Signature-Input": "sig1=(" * 2000},
        {"Signature-Input": 'sig1=("@method" "@path");created=1'},
        {"Signature-Input": "\u00e9"},
        {"Content-Digest": "sha-256=:AAAA:"},
        {"Content-Digest": "md5=:AAAA:"},
        {"Content-Digest": "\u00e9"},
    ],
)
def test_broken_header_is_a_bad_signature(till: Till, issued: IssuedCard, headers: dict[str, str]) -> None:
    before = stored()

    refused(till.client.call("POST", "transactions", till.redeem(issued), headers=headers))
    assert stored() == before
