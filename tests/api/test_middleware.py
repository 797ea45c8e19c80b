"""The edge of the API: how bodies arrive, how much of them is read, and what the answer carries."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import pytest
from django.test import Client, RequestFactory
from django.test.client import ClientHandler

from prepaid.api.middleware import DRAINED_BYTES_MAX
from prepaid.stored_value.issue import IssuedCard
from terminals.messages import BODY_BYTES_MAX
from tests.api.client import sign
from tests.api.conftest import Till, stored

TARGET = "/api/v1/transactions"


class Wire(BytesIO):
    """A body on its way, which counts what the site takes of it."""

    taken = 0

    def read(self, size: int | None = -1, /) -> bytes:
        piece = super().read(size)
        self.taken += len(piece)
        return piece


def send(till: Till, body: bytes, **environ: Any) -> tuple[int, dict[str, Any], Wire]:
    """Send a body as a server hands it on: chunked unless `CONTENT_LENGTH` is given."""
    keyid = str(till.client.terminal_id)
    headers = sign(till.client.key, keyid=keyid, method="POST", target=TARGET, body=body)
    made = RequestFactory().generic("POST", TARGET, b"", headers=headers).environ
    made.pop("CONTENT_LENGTH", None)
    wire = Wire(body)
    given = {"CONTENT_TYPE": "application/json", "wsgi.input": wire, "wsgi.input_terminated": True}
    response: Any = ClientHandler()(made | given | environ)
    return response.status_code, json.loads(response.content), wire


def test_chunked_body_is_read(till: Till, issued: IssuedCard) -> None:
    status, told, _ = send(till, json.dumps(till.redeem(issued)).encode())

    assert (status, told["outcome"]) == (201, "approved")


def test_chunked_body_as_large_as_allowed_is_read(till: Till, issued: IssuedCard) -> None:
    body = json.dumps(till.redeem(issued)).encode()

    assert send(till, body.ljust(BODY_BYTES_MAX))[0] == 201


@pytest.mark.parametrize("announced", [True, False])
def test_larger_body_is_thrown_away_so_that_the_answer_arrives(
    till: Till, issued: IssuedCard, announced: bool
) -> None:
    body, before = json.dumps(till.redeem(issued)).encode().ljust(2_000_000), stored()

    status, told, wire = send(till, body, **({"CONTENT_LENGTH": str(len(body))} if announced else {}))

    assert (status, told["code"]) == (413, "too_large")
    assert wire.taken == len(body)
    assert stored() == before


@pytest.mark.parametrize(
    "environ",
    [
        {"CONTENT_LENGTH": str(DRAINED_BYTES_MAX + 1)},
        {"CONTENT_LENGTH": "300000", "HTTP_EXPECT": "100-continue"},
    ],
)
def test_body_that_is_announced_as_huge_or_awaits_a_word_is_not_read(
    till: Till, environ: dict[str, str]
) -> None:
    status, told, wire = send(till, b"x" * 1000, **environ)

    assert (status, told["code"], wire.taken) == (413, "too_large", 0)


def test_body_without_end_is_not_read_to_its_end(till: Till) -> None:
    status, _, wire = send(till, bytes(DRAINED_BYTES_MAX + 5 * BODY_BYTES_MAX))

    assert status == 413
    assert wire.taken <= DRAINED_BYTES_MAX + BODY_BYTES_MAX + 1


def test_answer_has_a_length_and_is_taken_for_nothing_else(committed_db: None) -> None:
    response = Client().get("/api/v1/schema")

    assert int(response["Content-Length"]) == len(response.content)
    assert response["X-Content-Type-Options"] == "nosniff"
    assert not response.cookies


def test_terminal_is_given_no_session_or_language(till: Till) -> None:
    reply = till.client.call("GET", "terminals/policy", headers={"Accept-Language": "zh", "Cookie": "x=1"})

    assert not {"set-cookie", "vary", "content-language"} & set(reply.headers)
