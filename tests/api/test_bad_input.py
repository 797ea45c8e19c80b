"""Bad input gets the documented answer, moves nothing, and never ends in a 5xx."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prepaid.api.examples import EXAMPLES
from prepaid.api.operations import OPERATIONS
from prepaid.identifiers import uuid7
from prepaid.stored_value.issue import IssuedCard
from terminals.messages import AMOUNT_MINOR_MAX, BODY_BYTES_MAX
from tests.api.conftest import Till, shown, stored
from tests.api.contract import fill

MISSING = Ellipsis

# One changed field a row, and the field that the problem names.
AMOUNTS: tuple[Any, ...] = (12.5, 12.0, "1250", "12.50", 0, -1, True, None, [], {})
ROWS: list[tuple[str, Any, str]] = [
    *(("amount", value, "amount") for value in AMOUNTS),
    *(("amount", value, "amount") for value in (AMOUNT_MINOR_MAX + 1, 2**63, 2**64, 10**400, MISSING)),
    *(("currency", value, "currency") for value in ("cny", "CN", "CNYX", "", "CNY\n", "人民币")),
    *(("currency", value, "currency") for value in (156, None, MISSING)),
    *(("sequence", value, "sequence") for value in (0, -1, 1.0, "1", 2**53 + 1, None, MISSING)),
    *(("id", value, "id") for value in ("", "1", 1, None, MISSING, "019ab0a4-2c78-7000-8000-5eed5eed5ee")),
    ("id", "6ba7b810-9dad-11d1-80b4-00c04fd430c8", "id"),
    ("id", "f47ac10b-58cc-4372-a567-0e02b2c3d479", "id"),
    ("id", "00000000-0000-0000-0000-000000000000", "id"),
    ("id", "019ab0a4-2c78-7000-0000-5eed5eed5eed", "id"),
    ("type", "spend", "type"),
    ("type", "Redeem", "type"),
    ("type", 1, "type"),
    ("type", MISSING, "type"),
    *(
        ("occurred_at", value, "occurred_at")
        for value in (
            "yesterday", "2026-11-23", "2026-11-23T09:30:00", "2026-13-23T09:30:00Z", "2026-11-23T09:30:60Z",
            "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", 1795426200, None, MISSING,
        )
    ),
    ("allow_partial", "yes", "allow_partial"),
    ("allow_partial", 1, "allow_partial"),
    ("allow_partial", None, "allow_partial"),
    ("operator", "x" * 33, "operator"),
    ("operator", 7, "operator"),
    ("operator", "a\u0000b", "operator"),
    ("note", "x" * 201, "note"),
    ("note", "\u0000", "note"),
    ("unknown", 1, "unknown"),
    ("original", "019ab0a4-2c78-7000-8000-5eed5eed5eed", "original"),
    ("tender", {"type": "cash"}, "tender"),
    ("card", MISSING, "card"),
    ("card", None, "card"),
    ("card", "8600000000000000", "card"),
    ("card", {}, "card.method"),
    ("card", {"method": "magic"}, "card.method"),
    ("card", {"method": "qr"}, "card.code"),
    ("card", {"method": "qr", "code": ""}, "card.code"),
    ("card", {"method": "qr", "code": "x" * 65}, "card.code"),
    ("card", {"method": "qr", "code": 5}, "card.code"),
    ("card", {"method": "qr", "code": "x\u0000"}, "code"),
    ("card", {"method": "qr", "code": "x", "sum": "1"}, "card.sum"),
    ("card", {"method": "qr", "code": "x", "entry": "thought"}, "card.entry"),
    ("card", {"method": "number", "number": "8600000000000000", "pin": 1234}, "card.pin"),
    ("card", {"method": "uid", "uid": "04A1B2C3\n", "technology": "ntag215"}, "card.uid"),
    ("card", {"method": "uid", "uid": "xyz", "technology": "ntag215"}, "card.uid"),
    ("card", {"method": "sun", "uri": "x" * 1025}, "card.uri"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("field", "value", "named"), ROWS, ids=[f"{row[0]}={str(row[1])[:24]!r}" for row in ROWS]
)
def test_bad_field_is_named_and_nothing_moves(
    till: Till, issued: IssuedCard, field: str, value: Any, named: str
) -> None:
    body = till.redeem(issued) | {field: value}
    before = stored()

    reply = till.post({name: told for name, told in body.items() if told is not MISSING})

    assert (reply.status, reply.code) == (400, "malformed")
    assert list(reply.json()["errors"]) == [named]
    assert stored() == before


@pytest.mark.parametrize(
    ("kind", "extra"),
    [
        ("void", {"card": {"method": "qr", "code": "x"}}),
        ("void", {"amount": 1}),
        ("void", {"currency": "CNY"}),
        ("reversal", {"amount": 1, "currency": "CNY"}),
        ("release", {"card": {"method": "qr", "code": "x"}}),
        ("capture", {"amount": 1, "currency": "CNY", "card": {"method": "qr", "code": "x"}}),
        ("refund", {"amount": 1, "currency": "CNY", "tender": {"type": "cash"}}),
        ("refund", {"amount": 1}),
        ("void", {"original": None}),
    ],
)
def test_undo_names_the_original_and_no_more(till: Till, kind: str, extra: dict[str, Any]) -> None:
    before = stored()

    reply = till.post(till.posting(kind, **{"original": str(uuid7())} | extra))

    assert (reply.status, reply.code) == (400, "malformed")
    assert stored() == before


def test_transaction_is_not_its_own_original(till: Till) -> None:
    for kind in ("void", "reversal"):
        body = till.posting(kind)
        reply = till.post(body | {"original": body["id"]})
        assert (reply.status, list(reply.json()["errors"])) == (400, ["original"])


@pytest.mark.parametrize(
    "tender",
    [{"type": "gold"}, {}, "cash", {"type": "cash", "x": 1}, {"type": "cash", "reference": "x" * 65}],
)
def test_tender_must_be_one_that_is_known(till: Till, issued: IssuedCard, tender: Any) -> None:
    before = stored()

    assert till.post(till.load(issued, tender=tender)).status == 400
    assert stored() == before


BODIES: dict[str, bytes] = {
    "nothing": b"",
    "blank": b"  ",
    "no JSON": b"amount=1250",
    "cut": b'{"id": "019a',
    "two": b"{}{}",
    "list": b"[]",
    "text": b'"redeem"',
    "null": b"null",
    "NaN": b'{"amount": NaN}',
    "UTF-16": '{"type": "void"}'.encode("utf-16"),
    "byte order mark": b'\xef\xbb\xbf{"type": "void"}',
    "Latin-1": '{"type": "vo\u00efd"}'.encode("latin-1"),
    "lone surrogate": b'{"type": "\\ud800"}',
    "encoded surrogate": b'{"type": "\xed\xa0\x80"}',
    "raw NUL": b'{"type": "void\x00"}',
    "deep list": b"[" * 50_000,
    "deep object": b'{"a":' * 40_000,
    "deep card": b'{"type":"redeem","card":' + b'{"method":' * 20_000,
    "huge number": b'{"type":"redeem","amount":' + b"9" * 200_000 + b"}",
    "tiny number": b'{"type":"redeem","amount":1e-400000000}',
    "long name": b'{"' + b"x" * 200_000 + b'": 1}',
}


@pytest.mark.parametrize("name", BODIES)
def test_body_that_is_no_message_is_malformed(till: Till, name: str) -> None:
    before = stored()

    for operation in OPERATIONS:
        if operation.method == "post":
            reply = till.client.call(
                "POST",
                fill(operation.path),
                BODIES[name],
                headers={"Content-Type": "application/json"},
                signed=operation.is_signed,
            )
            assert (reply.status, reply.code) == (400, "malformed"), (operation.path, reply.body)
    assert stored() == before


def test_field_that_stands_twice_is_refused(till: Till, issued: IssuedCard) -> None:
    body = json.dumps(till.redeem(issued))
    before = stored()

    for twice, named in (
        (body[:-1] + ', "amount": 1}', "amount"),
        (body[:-1] + ', "\\u0061mount": 1}', "amount"),
        (body.replace('"method": "qr"', '"method": "qr", "method": "qr"'), "method"),
    ):
        reply = till.post(twice.encode())
        assert (reply.status, list(reply.json()["errors"])) == (400, [named])
    assert stored() == before


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": ""},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": "application/xml"},
        {"Content-Type": "application/json; charset=utf-16"},
        {"Content-Type": "application/json; charset=latin-1"},
        {"Content-Type": "application/jsonp"},
        {"Content-Type": "json"},
        {"Content-Encoding": "gzip"},
        {"Content-Encoding": "br"},
    ],
)
def test_body_of_another_type_is_refused(till: Till, issued: IssuedCard, headers: dict[str, str]) -> None:
    before = stored()

    reply = till.client.call("POST", "transactions", till.redeem(issued), headers=headers)

    assert (reply.status, reply.code) == (415, "unsupported_media_type")
    assert stored() == before


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "application/json; charset=utf-8"},
        {"Content-Type": 'Application/JSON;charset="UTF-8"'},
        {"Content-Encoding": "identity"},
        {"Accept": "text/html"},
        {"Accept-Language": "zh-CN", "Cookie": "sessionid=nobody"},
    ],
)
def test_json_is_taken_however_it_is_announced(
    till: Till, issued: IssuedCard, headers: dict[str, str]
) -> None:
    assert till.client.call("POST", "transactions", till.redeem(issued), headers=headers).status == 201


def test_body_over_256_kib_is_refused_before_its_signature(till: Till, issued: IssuedCard) -> None:
    body = json.dumps(till.redeem(issued)).encode()
    before = stored()

    for signed in (True, False):
        reply = till.client.call("POST", "transactions", body.ljust(BODY_BYTES_MAX + 1), signed=signed)
        assert (reply.status, reply.code) == (413, "too_large")
    assert stored() == before
    assert till.post(body.ljust(BODY_BYTES_MAX)).status == 201


@pytest.mark.parametrize(
    ("path", "field", "value"),
    [
        ("terminals/heartbeat", "queue", {"count": 2**31, "amount": 0}),
        ("terminals/heartbeat", "queue", {"count": 0, "amount": 2**63}),
        ("terminals/heartbeat", "queue", {"count": -1, "amount": 0}),
        ("terminals/heartbeat", "queue", {"count": 0, "amount": 0, "oldest_at": "0001-01-01T00:00:00+14:00"}),
        ("terminals/heartbeat", "clock", "9999-12-31T23:59:59-14:00"),
        ("terminals/heartbeat", "faults", [{"code": "x", "at": "0001-01-01T00:00:00+14:00"}]),
        ("terminals/heartbeat", "faults", [{"code": "x\u0000", "at": "2026-11-23T09:30:00Z"}]),
        ("terminals/heartbeat", "components", [{"name": "reader"}]),
        ("terminals/heartbeat", "components", [{"name": "reader", "status": "ok"}] * 33),
        ("terminals/heartbeat", "agent_version", "x" * 33),
        ("batches/close", "first_sequence", 43),
        ("batches/close", "last_sequence", 2**53 + 1),
        ("batches/close", "totals", {"spend": {"count": 1, "amount": 1}}),
        ("batches/close", "totals", {"redeem": {"count": 1.0, "amount": 1}}),
        ("batches/close", "totals", {"redeem": {"count": 1, "amount": 2**63}}),
        ("batches/close", "totals", []),
        ("cards/inquiry", "card", {"method": "qr", "code": "\u0000"}),
        ("cards/inquiry", "amount", 5),
    ],
)
def test_bad_field_of_another_message_is_malformed(till: Till, path: str, field: str, value: Any) -> None:
    operation_id = "post_" + path.replace("/", "_")
    before = stored()

    reply = till.client.call("POST", path, EXAMPLES[operation_id] | {field: value})

    assert (reply.status, reply.code) == (400, "malformed")
    assert reply.json()["errors"]
    assert stored() == before


def test_largest_values_that_are_allowed_are_stored(till: Till, issued: IssuedCard) -> None:
    heartbeat = EXAMPLES["post_terminals_heartbeat"] | {
        "queue": {"count": 2**31 - 1, "amount": 2**53, "oldest_at": "9998-12-31T23:59:59Z"},
        "clock": "0002-01-01T00:00:00Z",
        "faults": [
            {"code": "x" * 32, "at": "9998-12-31T23:59:59Z", "detail": "店" * 500, "operator": "o" * 32}
        ],
    }
    batch = {
        "first_sequence": 1,
        "last_sequence": 2**53,
        "totals": {"redeem": {"count": 2**31 - 1, "amount": 2**53}},
    }

    redeem = till.redeem(issued, AMOUNT_MINOR_MAX, sequence=2**53, note="店" * 200, operator="店" * 32)

    assert till.post(redeem).status == 201
    assert till.post(till.load(issued, AMOUNT_MINOR_MAX)).status == 201
    assert till.client.call("POST", "terminals/heartbeat", heartbeat).status == 200
    assert till.client.call("POST", "batches/close", batch).status == 200


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=8,
)
FIELDS = (
    "id",
    "type",
    "sequence",
    "occurred_at",
    "card",
    "amount",
    "currency",
    "allow_partial",
    "operator",
    "note",
    "x",
)


CARDS = st.fixed_dictionaries(
    {"method": st.sampled_from(["sun", "token", "uid", "pay_code", "number", "qr"])},
    optional={
        name: st.text(max_size=70) for name in ["uri", "token", "uid", "technology", "code", "number", "pin"]
    },
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.dictionaries(st.sampled_from(FIELDS), JSON, min_size=1, max_size=3))
def test_any_value_in_any_field_is_answered(till: Till, issued: IssuedCard, changes: dict[str, Any]) -> None:
    reply = till.post(till.redeem(issued, 1) | changes)

    assert reply.status in (200, 201, 400, 422), reply.body


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    edits=st.lists(
        st.tuples(st.integers(0, 400), st.binary(max_size=3), st.integers(0, 4)), min_size=1, max_size=4
    )
)
def test_any_edit_of_the_bytes_is_answered(
    till: Till, issued: IssuedCard, edits: list[tuple[int, bytes, int]]
) -> None:
    body = json.dumps(till.redeem(issued, 1)).encode()
    for place, put, cut in edits:
        body = body[:place] + put + body[place + cut :]

    reply = till.client.call("POST", "transactions", body, headers={"Content-Type": "application/json"})

    assert reply.status in (200, 201, 400, 422), (body, reply.body)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(card=CARDS)
def test_any_card_is_answered(till: Till, issued: IssuedCard, card: dict[str, str]) -> None:
    assert till.post(till.redeem(issued, card=card)).status in (201, 400)
    assert shown(issued) != card
