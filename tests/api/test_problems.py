"""Whatever is not a success is a problem, also what Django would say; an outage is a 503."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest
from django.db import DataError, OperationalError, connection
from django.test import Client

from prepaid.api.examples import EXAMPLES
from prepaid.api.problems import KINDS, answer_status
from prepaid.runner.cluster import APP_ROLE, OWNER_ROLE
from prepaid.stored_value.issue import IssuedCard
from tests.api.client import Reply, TerminalClient
from tests.api.conftest import Till, stored
from tests.conftest import connect_as


@pytest.mark.parametrize(
    "path",
    [
        "", "nothing", "transactions/", "terminals", "cards", "cards/nothing", "transactions/advices/x",
        "terminals/cold-list?since=1", "../v2/transactions", "%00", "\u5e97", "terminals/enrol/",
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
def test_address_where_nothing_is_gets_a_problem(till: Till, path: str, method: str) -> None:
    reply = till.client.call(method, path)

    assert (reply.status, reply.code) == (404, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "transactions", "POST"),
        ("PUT", "transactions", "POST"),
        ("DELETE", "transactions/42", "GET, HEAD"),
        ("POST", "terminals/policy", "GET, HEAD"),
        ("OPTIONS", "batches/close", "POST"),
        ("TRACE", "cards/inquiry", "POST"),
        ("BREW", "terminals/enrol", "POST"),
        ("HEAD", "transactions", "POST"),
    ],
)
def test_method_that_is_not_taken_gets_a_problem(till: Till, method: str, path: str, allowed: str) -> None:
    reply = TerminalClient().call(method, path, signed=False)

    assert reply.status == 405
    assert reply.headers["allow"] == allowed
    assert reply.headers["content-type"] == "application/problem+json"


def test_foreign_host_gets_a_problem(committed_db: None) -> None:
    response = Client(raise_request_exception=False).get("/api/v1/schema", headers={"Host": "evil.example"})

    assert (response.status_code, response["Content-Type"]) == (400, "application/problem+json")
    assert response.json()["code"] == "malformed"


def test_failure_outside_the_endpoints_gets_a_problem(
    committed_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("prepaid.api.docs.document", fail)

    response = Client(raise_request_exception=False).get("/api/v1/schema")

    assert (response.status_code, response["Content-Type"]) == (500, "application/problem+json")
    assert response.json()["code"] == "failure"


def test_pages_of_the_site_are_let_be(committed_db: None) -> None:
    response = Client(raise_request_exception=False).get("/apis/nothing")

    assert response.status_code == 404
    assert response["Content-Type"].startswith("text/html")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 413, 500, 502, 503])
def test_status_decided_elsewhere_has_a_problem(status: int) -> None:
    told = json.loads(answer_status(status).content)

    assert told["code"] in {kind.code for kind in KINDS}
    assert told["status"] // 100 == status // 100


def assert_try_again(reply: Reply) -> None:
    assert (reply.status, reply.code) == (503, "try_again")
    assert int(reply.headers["retry-after"]) >= 1


def test_locked_account_is_try_again_and_the_same_id_finds_out(till: Till, issued: IssuedCard) -> None:
    body = till.redeem(issued)
    before = stored()
    with connection.cursor() as cursor:
        cursor.execute("set lock_timeout = '50ms'")
    with connect_as(OWNER_ROLE) as blocker, blocker.transaction():
        blocker.execute("select 1 from ledger_account where id = %s for update", [issued.card.account_id])
        assert_try_again(till.post(body))

    assert till.client.call("GET", f"transactions/{body['id']}").status == 404
    assert stored() == before
    assert till.post(body).status == 201
    assert till.post(body).status == 200


def end_connection() -> None:
    """End this thread's connection from outside, as a database that restarts does."""
    connection.ensure_connection()
    with connection.cursor() as cursor:
        cursor.execute("select pg_backend_pid()")
        pid = cursor.fetchone()[0]
    with connect_as(APP_ROLE) as other:
        other.execute("select pg_terminate_backend(%s, 5000)", [pid])


def test_lost_connection_is_try_again_and_the_next_call_works(till: Till, issued: IssuedCard) -> None:
    body = till.redeem(issued)
    before = stored()
    end_connection()

    assert_try_again(till.post(body))

    assert stored() == before
    assert till.post(body).status == 201


CALLS: dict[str, tuple[str, str, str]] = {
    "heartbeat": ("POST", "terminals/heartbeat", "prepaid.api.views.record_heartbeat"),
    "inquiry": ("POST", "cards/inquiry", "prepaid.api.views.inquire"),
    "batch": ("POST", "batches/close", "prepaid.api.views.close_batch"),
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (OperationalError("server closed the connection"), 503, "try_again"),
        (psycopg.OperationalError("server closed the connection"), 503, "try_again"),
        (psycopg.InterfaceError("the connection is closed"), 503, "try_again"),
        (DataError("integer out of range"), 400, "malformed"),
        (psycopg.DataError("integer out of range"), 400, "malformed"),
        (ZeroDivisionError("secret detail"), 500, "failure"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_error_below_an_endpoint_becomes_its_problem(
    till: Till, monkeypatch: pytest.MonkeyPatch, name: str, error: Exception, status: int, code: str
) -> None:
    method, path, function = CALLS[name]

    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(function, fail)
    body = EXAMPLES.get(f"{method.lower()}_{path.replace('/', '_')}")

    reply = till.client.call(method, path, body)

    assert (reply.status, reply.code) == (status, code)
    assert str(error).encode() not in reply.body


def test_secret_of_a_refused_card_is_not_told_back(till: Till, issued: IssuedCard) -> None:
    for card in (
        {"method": "number", "number": issued.number, "pin": "13572468135724"},
        {"method": "qr", "code": ["98765432109876543210"]},
    ):
        reply = till.post(till.redeem(issued, card=card))
        assert reply.status == 400
        assert b"1357246" not in reply.body
        assert b"9876543" not in reply.body
        assert str(issued.number).encode() not in reply.body


def test_long_name_is_told_back_short(till: Till, issued: IssuedCard) -> None:
    reply = till.post(till.redeem(issued, **{"x" * 10_000: 1}))

    assert reply.status == 400
    assert len(reply.body) < 1_000
