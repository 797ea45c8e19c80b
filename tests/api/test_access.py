"""Who is let in: a terminal that signed this very call, now; and nothing is said to anybody else."""

from __future__ import annotations

import threading
import time
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from django.db import connection

from prepaid.api.operations import OPERATIONS
from prepaid.identifiers import uuid7
from prepaid.ledger.models import LedgerAccount
from prepaid.stored_value.calls import fetch
from prepaid.stored_value.issue import IssuedCard
from prepaid.stores.models import Terminal
from tests.api.client import Reply, TerminalClient, sign
from tests.api.conftest import Till, stored
from tests.api.contract import fill

SIGNED = [operation for operation in OPERATIONS if operation.is_signed]


def set_state(till: Till, state: str) -> None:
    Terminal.objects.filter(pk=till.shop.terminal.id).update(state=state)


@pytest.mark.parametrize("operation", SIGNED, ids=lambda operation: operation.operation_id)
def test_endpoint_asks_for_a_signature(till: Till, operation: Any) -> None:
    path = fill(operation.path)
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
    path = fill(operation.path)
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


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Count the round trips; whatever else asks the database fails the test."""
    asked: list[str] = []

    def count(sql: str, values: list[Any]) -> Any:
        asked.append(sql)
        return fetch(sql, values)

    monkeypatch.setattr("prepaid.stored_value.calls.fetch", count)
    monkeypatch.setattr("prepaid.api.authentication.fetch", count)
    return asked


def refuse_query(*call: Any) -> Any:
    raise AssertionError(call[1])


def test_posting_of_a_known_terminal_is_one_round_trip(
    till: Till, issued: IssuedCard, fetched: list[str]
) -> None:
    for kind in ("redeem", "load"):
        till.post(getattr(till, kind)(issued, 1))
        fetched.clear()
        with connection.execute_wrapper(refuse_query):
            assert till.post(getattr(till, kind)(issued, 1)).status == 201
        assert len(fetched) == 1, fetched


CHANGES: dict[str, tuple[str, dict[str, Any]]] = {
    "locked": ("terminal", {"state": "locked"}),
    "retired": ("terminal", {"state": "retired"}),
    "other key": ("terminal", {"public_key": bytes(32)}),
    "batch closed": ("terminal", {"closed_through_sequence": 5}),
    "other time zone": ("store", {"timezone": "Europe/Berlin"}),
    "other day": ("store", {"day_starts_at": "04:00"}),
}
REFUSALS = {"locked": "SW-TAMP-01", "retired": "terminal_retired", "other key": "bad_signature"}


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_remembered_of_a_terminal_is_never_trusted(
    till: Till, issued: IssuedCard, fetched: list[str], change: str
) -> None:
    first = till.redeem(issued, 100)
    assert till.post(first).status == 201
    of, values = CHANGES[change]
    row = till.shop.terminal if of == "terminal" else till.shop.store
    type(row).objects.filter(pk=row.id).update(**values)
    before, body = stored(), till.redeem(issued, 100)
    fetched.clear()

    replies = [till.post(body), till.post(first), till.post(b"{}"), till.post(body | {"amount": 0})]

    if change in REFUSALS:
        assert {reply.code for reply in replies} == {REFUSALS[change]}
        assert stored() == before
    else:
        assert [reply.status for reply in replies] == [201, 200, 400, 400]
        # The posting that found the change, the look-up, and the posting again.
        assert len(fetched[:3]) == 3
        assert "stores_terminal" in fetched[1]


def test_void_after_the_batch_is_closed_elsewhere_is_declined(till: Till, issued: IssuedCard) -> None:
    original = till.redeem(issued, 100)
    till.post(original)
    Terminal.objects.filter(pk=till.shop.terminal.id).update(closed_through_sequence=till.shop.sequence)

    told = till.post(till.posting("void", original=original["id"])).json()

    assert (told["outcome"], told["reason"]) == ("declined", "original_not_reversible")


def test_lock_holds_against_postings_that_are_under_way(till: Till, issued: IssuedCard) -> None:
    till.post(till.redeem(issued, 1))
    results: list[str] = []
    under_way = threading.Event()

    def spend() -> None:
        for body in [till.redeem(issued, 1) for _ in range(40)]:
            reply = till.post(body)
            results.append("paid" if reply.status == 201 else reply.code)
            if len(results) == 5:
                under_way.set()
        connection.close()

    spender = threading.Thread(target=spend)
    spender.start()
    assert under_way.wait(60)
    set_state(till, "locked")
    spent_when_locked = LedgerAccount.objects.get(pk=issued.card.account_id).balance
    spender.join()

    # One posting may have begun before the lock was committed.
    assert spent_when_locked - LedgerAccount.objects.get(pk=issued.card.account_id).balance <= 1
    assert set(results) == {"paid", "SW-TAMP-01"}
    assert results == sorted(results, reverse=True)
