"""The site's own document, held against every answer that the tests see."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from openapi_schema_validator import OAS31Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from prepaid.api.openapi import document
from prepaid.identifiers import uuid7
from prepaid.stored_value.reasons import reason_of
from tests.api.client import BASE, Headers, Reply, TerminalClient

ROOT = "urn:document"


@cache
def registry() -> Registry[Any]:
    made: Registry[Any] = Registry().with_resource(ROOT, DRAFT202012.create_resource(document()))
    return made


def check(method: str, target: str, reply: Reply) -> None:
    """Hold an answer against the document: its status, its type and its body."""
    content_type = reply.headers["content-type"]
    responses = find_responses(method, target)
    if responses is None or str(reply.status) not in responses:
        # What is in no endpoint's hand: unknown addresses and methods.
        assert reply.status in (404, 405), (method, target, reply)
        schema = {"$ref": f"{ROOT}#/components/schemas/Problem"}
    else:
        pointer = find_pointer(method, target) + f"/responses/{reply.status}"
        written = responses[str(reply.status)]
        assert content_type in written["content"], (content_type, reply.body)
        schema = {"$ref": f"{ROOT}#{pointer}/content/{content_type.replace('/', '~1')}/schema"}
        for name, header in written.get("headers", {}).items():
            assert name.lower() in reply.headers or not header.get("required"), name
    OAS31Validator(schema, registry=registry(), format_checker=OAS31Validator.FORMAT_CHECKER).validate(
        reply.json()
    )
    if reply.status >= 400:
        told = reply.json()
        assert (content_type, told["status"]) == ("application/problem+json", reply.status)
        assert told["type"].startswith("/api/v1/docs#")
        assert told["title"]


def fill(path: str) -> str:
    """Put an id into a path that takes one."""
    return re.sub(r"\{\w+\}", str(uuid7()), path)


def find_template(target: str) -> str | None:
    path = "/" + target.partition("?")[0].removeprefix(BASE)
    for template in document()["paths"]:
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path):
            return str(template)
    return None


def find_responses(method: str, target: str) -> dict[str, Any] | None:
    template = find_template(target)
    if template is None:
        return None
    operation = document()["paths"][template].get(method.lower())
    return None if operation is None else operation["responses"]


def find_pointer(method: str, target: str) -> str:
    template = (find_template(target) or "").replace("~", "~0").replace("/", "~1")
    return f"/paths/{template.replace('{', '%7B').replace('}', '%7D')}/{method.lower()}"


class CheckedClient(TerminalClient):
    """A terminal that believes nothing that the document does not say."""

    def send(self, method: str, target: str, body: bytes, headers: Headers) -> Reply:
        reply = super().send(method, target, body, headers)
        check(method, target, reply)
        return reply


def assert_declined(reply: Reply, reason: str) -> None:
    """Hold a decline to its reason: nothing moved, and what it says is the table's."""
    told = reply.json()
    why = reason_of(reason)
    assert (reply.status, told["outcome"], told["reason"]) == (201, "declined", reason), told
    assert (told["approved_amount"], told["money_moved"], told["hash"]) == (0, "no", None)
    assert (told["retry"], told["fix"], told["message"]) == (why.retry, why.fix, {"en": why.en, "zh": why.zh})
