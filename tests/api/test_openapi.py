"""The document is valid OpenAPI 3.1, says what the messages say, and can be read as a page."""

from __future__ import annotations

import base64
import html
import re

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.test import Client
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import validate

from prepaid.api.examples import EXAMPLES, SignedExample
from prepaid.api.openapi import document
from prepaid.api.operations import OPERATIONS
from prepaid.api.problems import KINDS
from prepaid.api.signatures import SignedCall, holds, read_claim
from prepaid.stored_value.reasons import REASONS
from tests.api.contract import ROOT, registry

pytestmark = pytest.mark.usefixtures("committed_db")


def test_document_is_valid_openapi() -> None:
    response = Client().get("/api/v1/schema")

    assert response["Content-Type"] == "application/json"
    assert response.json()["openapi"] == "3.1.0"
    validate(response.json())


def test_document_names_the_endpoints_of_the_contract() -> None:
    named = {(method, path) for path, methods in document()["paths"].items() for method in methods}

    assert named == {
        ("post", "/terminals/enrol"),
        ("get", "/terminals/policy"),
        ("get", "/terminals/hot-list"),
        ("post", "/terminals/heartbeat"),
        ("post", "/cards/inquiry"),
        ("post", "/cards/challenge"),
        ("post", "/cards/challenge/{session}"),
        ("post", "/cards/personalise"),
        ("post", "/cards/personalise/{session}"),
        ("post", "/transactions"),
        ("post", "/transactions/advices"),
        ("get", "/transactions/{transaction_id}"),
        ("post", "/batches/close"),
    }


@pytest.mark.parametrize(
    "operation", [one for one in OPERATIONS if one.request is not None], ids=lambda one: one.path
)
def test_example_is_a_message(operation: object) -> None:
    operation_id = operation.operation_id  # type: ignore[attr-defined]
    example = EXAMPLES[operation_id]
    path = document()["paths"][f"/{operation.path}"]["post"]  # type: ignore[attr-defined]
    schema = path["requestBody"]["content"]["application/json"]["schema"]["$ref"]

    msgspec.json.decode(msgspec.json.encode(example), type=operation.request)  # type: ignore[attr-defined]
    OAS31Validator({"$ref": ROOT + schema}, registry=registry()).validate(example)


def test_every_problem_of_an_endpoint_is_in_the_table() -> None:
    told = {code for operation in OPERATIONS for code in operation.problem_codes}
    elsewhere = {"method_not_allowed", "not_ready"}

    assert told | elsewhere == {kind.code for kind in KINDS}


def test_page_tells_every_endpoint_message_problem_and_reason() -> None:
    page = Client().get("/api/v1/docs").content.decode()

    anchors = set(re.findall(r' id="([^"]+)"', page))
    assert {operation.operation_id for operation in OPERATIONS} <= anchors
    assert set(document()["components"]["schemas"]) <= anchors
    assert {kind.code for kind in KINDS} <= anchors
    assert all(reason.zh in page and reason.code in page for reason in REASONS)
    links = set(re.findall(r'href="#([^"]+)"', page))
    assert links - anchors == set()


def test_page_needs_nothing_that_the_policy_forbids() -> None:
    response = Client().get("/api/v1/docs")
    page = response.content.decode()

    assert "script-src 'self'" in response["Content-Security-Policy"]
    assert not re.search(r"<script|<style|\sstyle=|\son\w+=|https?://(?!cards\.example)", page)


def test_signed_example_is_true() -> None:
    example = SignedExample()
    call = SignedCall(
        method=example.method,
        path=example.path,
        query="",
        body=example.body.encode(),
        signature_input=f"sig1={example.parameters}",
        signature=f"sig1=:{example.signature}:",
        content_digest=example.content_digest,
    )
    seed = base64.urlsafe_b64decode(example.private_key + "=")

    assert holds(read_claim(call), base64.b64decode(example.public_key))
    made = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    assert base64.b64encode(made).decode() == example.public_key
    assert example.signature in html.unescape(Client().get("/api/v1/docs").content.decode())
