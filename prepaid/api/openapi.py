"""The OpenAPI 3.1 document, made from the messages and the table of endpoints.

Knows how both are written as OpenAPI; must not add a field or an endpoint of its own.
"""

from __future__ import annotations

from functools import cache
from inspect import cleandoc
from typing import Any

import msgspec

from prepaid.api.examples import EXAMPLES
from prepaid.api.operations import OPERATIONS, Operation
from prepaid.api.problems import CONTENT_TYPE, KINDS, Kind
from terminals import messages

_REF = "#/components/schemas/"
_KINDS = {kind.code: kind for kind in KINDS}
# Unions have no name of their own to be found by.
_UNIONS = {"Transaction": messages.Transaction, "Card": messages.Card}
_SUCCESS = {200: "The answer.", 201: "Made."}
SIGNING = """
Every call but enrolment is signed by RFC 9421: Ed25519, label `sig1`, the terminal's id as `keyid`. Covered
are `"@method"`, `"@path"`, `"content-digest"` where there is a body (RFC 9530, sha-256) and `"@query"` where
there is a query; the parameters `created`, `keyid` and `alg="ed25519"` are needed. `created` may differ from
the site's clock by 300 seconds.
"""


@cache
def document() -> dict[str, Any]:
    """Give the OpenAPI document."""
    types = [kind for operation in OPERATIONS for kind in (operation.request, *operation.answers.values())]
    named = [kind for kind in types if isinstance(kind, type) and issubclass(kind, msgspec.Struct)]
    unions = list(_UNIONS.values())
    found, components = msgspec.json.schema_components(
        [*unions, *named, messages.Problem], ref_template=_REF + "{name}"
    )
    schemas = {name: found[place] for place, name in enumerate(_UNIONS)} | components
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Terminal API",
            "version": "1",
            "description": "Terminals load, redeem, void and reverse prepaid cards, and ask for balances.",
        },
        "servers": [{"url": "/api/v1"}],
        "paths": _paths(),
        "components": {
            "schemas": {name: _tidy(schema) for name, schema in schemas.items()},
            "securitySchemes": {
                "terminal": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Signature",
                    "description": cleandoc(SIGNING),
                }
            },
        },
    }


def _paths() -> dict[str, Any]:
    paths: dict[str, Any] = {}
    for operation in OPERATIONS:
        paths.setdefault(f"/{operation.path}", {})[operation.method] = _operation(operation)
    return paths


def _operation(operation: Operation) -> dict[str, Any]:
    written: dict[str, Any] = {
        "operationId": operation.operation_id,
        "tags": [operation.group],
        "summary": operation.summary,
        "security": [{"terminal": []}] if operation.is_signed else [],
        "parameters": _parameters(operation),
        "responses": {str(status): _success(operation, status) for status in operation.answers}
        | _problems(operation),
    }
    if operation.request is not None:
        schema = schema_of(operation.request)
        content = {"schema": schema, "example": EXAMPLES[operation.operation_id]}
        written["requestBody"] = {"required": True, "content": {"application/json": content}}
    return written


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    text = {"type": "string"}
    found: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}
        for name in ("transaction_id", "session")
        if f"{{{name}}}" in operation.path
    ]
    whole = {"type": "integer", "minimum": 0, "default": 0}
    found += [{"name": name, "in": "query", "required": False, "schema": whole} for name in operation.query]
    if operation.is_signed:
        found.append({"name": "Signature-Input", "in": "header", "required": True, "schema": text})
        if operation.request is not None:
            found.append({"name": "Content-Digest", "in": "header", "required": True, "schema": text})
    return found


def _success(operation: Operation, status: int) -> dict[str, Any]:
    schema = schema_of(operation.answers[status])
    written: dict[str, Any] = {
        "description": _SUCCESS[status],
        "content": {"application/json": {"schema": schema}},
    }
    if status == 200 and 201 in operation.answers:
        written["description"] = "A repeat: the stored answer, the same bytes as the first time."
        written["headers"] = {"Idempotent-Replayed": {"required": True, "schema": {"const": "true"}}}
    return written


def _problems(operation: Operation) -> dict[str, Any]:
    by_status: dict[int, list[Kind]] = {}
    for code in operation.problem_codes:
        by_status.setdefault(_KINDS[code].status, []).append(_KINDS[code])
    return {
        str(status): {
            "description": " ".join(f"`{kind.code}`: {kind.title}" for kind in kinds),
            "content": {CONTENT_TYPE: {"schema": {"$ref": f"{_REF}Problem"}}},
        }
        | ({"headers": {"Retry-After": {"schema": {"type": "integer"}}}} if status in (429, 503) else {})
        for status, kinds in sorted(by_status.items())
    }


def schema_of(kind: Any) -> dict[str, Any]:
    """Give the schema of a message type: a reference where it has a name."""
    for name, union in _UNIONS.items():
        if kind == union:
            return {"$ref": _REF + name}
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return {"$ref": _REF + kind.__name__}
    return {"type": "object"}


def _tidy(schema: Any) -> Any:
    """Give a schema with its docstrings unindented."""
    if isinstance(schema, dict):
        tidied = {key: _tidy(value) for key, value in schema.items()}
        if isinstance(tidied.get("description"), str):
            tidied["description"] = cleandoc(tidied["description"])
        return tidied
    return [_tidy(item) for item in schema] if isinstance(schema, list) else schema
