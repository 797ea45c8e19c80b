"""The document itself, and the same as a page that a person reads.

Knows how schemas are told in a table; must not know a message by name.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import msgspec
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from prepaid.api.examples import EXAMPLES, SignedExample
from prepaid.api.openapi import document
from prepaid.api.operations import OPERATIONS, Operation
from prepaid.api.problems import KINDS
from prepaid.stored_value.reasons import REASONS

_WORDS = {
    "integer": "integer",
    "string": "text",
    "boolean": "true or false",
    "null": "null",
    "object": "object",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field as a row of a table."""

    name: str
    kind: str
    target: str
    is_required: bool
    limits: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message as a table, or as the list of the messages it may be."""

    name: str
    description: str
    fields: tuple[Field, ...]
    choices: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """An endpoint as a section of the page."""

    operation: Operation
    request: str
    example: str
    answers: tuple[tuple[str, str, str], ...]


@login_not_required
@require_safe
def schema(request: HttpRequest) -> HttpResponse:
    """Give the OpenAPI document."""
    return HttpResponse(msgspec.json.encode(document()), content_type="application/json")


@login_not_required
@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    """Give the document as a page."""
    groups: dict[str, list[Call]] = {}
    for operation in OPERATIONS:
        groups.setdefault(operation.group, []).append(_call(operation))
    schemas = document()["components"]["schemas"]
    context = {
        "groups": groups,
        "message_types": [_message(name, written) for name, written in schemas.items()],
        "kinds": KINDS,
        "reasons": REASONS,
        "signed": SignedExample(),
    }
    return render(request, "api/docs.html", context)


def _call(operation: Operation) -> Call:
    written = document()["paths"][f"/{operation.path}"][operation.method]
    body = written.get("requestBody")
    example = EXAMPLES.get(operation.operation_id)
    return Call(
        operation=operation,
        request=_target(body["content"]["application/json"]["schema"]) if body else "",
        example=json.dumps(example, indent=2, ensure_ascii=False) if example else "",
        answers=tuple(
            (status, answer["description"], _target(answer["content"]["application/json"]["schema"]))
            for status, answer in written["responses"].items()
            if status < "300"
        ),
    )


def _message(name: str, written: dict[str, Any]) -> Message:
    needed = written.get("required", [])
    return Message(
        name=name,
        description=_plain(written),
        fields=tuple(
            _field(field, told, field in needed) for field, told in written.get("properties", {}).items()
        ),
        choices=tuple(_target(choice) for choice in written.get("anyOf", [])),
    )


def _field(name: str, written: dict[str, Any], is_required: bool) -> Field:
    # What may be null is told as what it is otherwise.
    others = [choice for choice in written.get("anyOf", []) if choice != {"type": "null"}]
    told = others[0] if len(others) == 1 else written
    inner = told.get("items") or told.get("additionalProperties") or {}
    target = _target(told) or (_target(inner) if isinstance(inner, dict) else "") or _union_of(told)
    return Field(
        name=name,
        kind=_kind(told) + (" or null" if len(others) == 1 else ""),
        target=target,
        is_required=is_required,
        limits=_limits(told),
        description=_plain(told),
    )


def _kind(written: dict[str, Any]) -> str:
    if "enum" in written:
        return " | ".join(f'"{value}"' for value in written["enum"])
    if written.get("type") == "array":
        return "list of"
    if isinstance(written.get("additionalProperties"), dict):
        return "object of"
    return str(written.get("format") or _WORDS.get(written.get("type", ""), ""))


def _limits(written: dict[str, Any]) -> str:
    low, high = (
        written.get("minimum", written.get("minLength")),
        written.get("maximum", written.get("maxLength")),
    )
    unit = " characters" if "maxLength" in written else ""
    if low is not None and high is not None:
        return f"{low:,} to {high:,}{unit}"
    return f"at most {high:,}{unit}" if high is not None else ""


def _plain(written: dict[str, Any]) -> str:
    return str(written.get("description", "")).replace("`", "")


def _target(written: dict[str, Any]) -> str:
    return str(written.get("$ref", "")).rpartition("/")[2]


def _union_of(written: dict[str, Any]) -> str:
    """Name the union that a field may be, which its own schema spells out."""
    choices = written.get("anyOf")
    if not choices or "discriminator" not in written:
        return ""
    schemas = document()["components"]["schemas"]
    return next((name for name, told in schemas.items() if told.get("anyOf") == choices), "")
