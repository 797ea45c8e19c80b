"""Signatures hold for exactly the call that was signed: the vector of RFC 9421, and one byte changed."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from prepaid.api.signatures import (
    CLOCK_TOLERANCE_S,
    Claim,
    SignatureRefused,
    SignedCall,
    holds,
    is_fresh,
    read_claim,
    signature_base,
)
from prepaid.api.structured_fields import InnerList, Item, parse_dictionary, serialise_inner_list
from tests.api.client import TerminalClient, sign

# RFC 9421, B.1.4 and B.2.6.
PUBLIC_PEM = b"""-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=
-----END PUBLIC KEY-----
"""
PRIVATE_PEM = b"""-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF
-----END PRIVATE KEY-----
"""
RFC_COMPONENTS = [
    ("date", "Tue, 20 Apr 2021 02:07:55 GMT"),
    ("@method", "POST"),
    ("@path", "/foo"),
    ("@authority", "example.com"),
    ("content-type", "application/json"),
    ("content-length", "18"),
]
RFC_INPUT = (
    'sig-b26=("date" "@method" "@path" "@authority" "content-type" "content-length")'
    ';created=1618884473;keyid="test-key-ed25519"'
)
RFC_SIGNATURE = (
    "sig-b26=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==:"
)

KEYID = "019ab0a4-2c78-7000-8000-5eed5eed5eed"
BODY = b'{"amount": 1250}'
NOW = 1_795_426_200


def raw(pem: bytes) -> bytes:
    key = load_pem_public_key(pem)
    return key.public_bytes_raw()  # type: ignore[union-attr]


def test_vector_of_the_rfc_holds() -> None:
    covered = parse_dictionary(RFC_INPUT)["sig-b26"]
    proof = parse_dictionary(RFC_SIGNATURE)["sig-b26"]
    assert isinstance(covered, InnerList)
    assert isinstance(proof, Item)
    assert isinstance(proof.value, bytes)
    base = signature_base(RFC_COMPONENTS, serialise_inner_list(covered))
    claim = Claim(keyid=UUID(KEYID), created=0, expires=None, signed=base, signature=proof.value)

    assert base.decode().splitlines()[-1] == f'"@signature-params": {RFC_INPUT.removeprefix("sig-b26=")}'
    assert holds(claim, raw(PUBLIC_PEM))
    assert not holds(replace(claim, signed=base + b" "), raw(PUBLIC_PEM))
    assert not holds(replace(claim, signature=proof.value[:-1] + b"\x00"), raw(PUBLIC_PEM))
    assert not holds(replace(claim, signature=b""), raw(PUBLIC_PEM))


def signed_call(
    method: str = "POST", target: str = "/api/v1/transactions", body: bytes = BODY, **how: object
) -> SignedCall:
    key = load_pem_private_key(PRIVATE_PEM, None)
    made = {"keyid": KEYID, "created": NOW} | how
    headers = sign(key, method=method, target=target, body=body, **made)  # type: ignore[arg-type]
    path, _, query = target.partition("?")
    return SignedCall(
        method=method,
        path=path,
        query=query,
        body=body,
        signature_input=headers["Signature-Input"],
        signature=headers["Signature"],
        content_digest=headers.get("Content-Digest", ""),
    )


def is_held(call: SignedCall) -> bool:
    try:
        return holds(read_claim(call), raw(PUBLIC_PEM))
    except SignatureRefused:
        return False


@pytest.mark.parametrize(
    "call",
    [
        signed_call(),
        signed_call("GET", "/api/v1/terminals/policy", b""),
        signed_call("GET", "/api/v1/terminals/hot-list?since=3", b""),
        signed_call("POST", "/api/v1/transactions?x=%20y", BODY),
        signed_call(covered=("content-digest", "@path", "@method")),
        signed_call(covered=("@method", "@path", "@query", "content-digest")),
        signed_call("GET", "/api/v1/terminals/policy", b"", covered=("@method", "@path", "@query")),
        signed_call(parameters=';alg="ed25519";keyid="{keyid}";created={created}'),
        signed_call(
            parameters=';created={created};expires=1795426300;keyid="{keyid}";nonce="n";alg="ed25519";tag="t"'
        ),
    ],
    ids=[
        "body",
        "no body",
        "query",
        "body and query",
        "other order",
        "no query, covered",
        "no body and no query, covered",
        "parameters in other order",
        "more parameters",
    ],
)
def test_signature_of_the_whole_call_holds(call: SignedCall) -> None:
    claim = read_claim(call)

    assert holds(claim, raw(PUBLIC_PEM))
    assert (str(claim.keyid), claim.created) == (KEYID, NOW)
    assert not holds(claim, TerminalClient().public_key)


def test_other_labels_and_digests_beside_ours_are_let_be() -> None:
    call = signed_call()

    assert is_held(replace(call, signature_input=f'proxy=("@authority");created=1, {call.signature_input}'))
    assert is_held(replace(call, signature=f"proxy=:AQI=:, {call.signature}"))


def flipped(text: str, place: int) -> str:
    return text[:place] + chr(ord(text[place]) ^ 1) + text[place + 1 :]


@pytest.mark.parametrize(
    "part", ["method", "path", "query", "signature_input", "signature", "content_digest"]
)
def test_each_character_counts(part: str) -> None:
    call = signed_call(target="/api/v1/transactions?since=3")
    text = getattr(call, part)
    assert is_held(call)

    changes: list[dict[str, Any]] = [{part: flipped(text, place)} for place in range(len(text))]
    held = [change for change in changes if is_held(replace(call, **change))]

    assert held == []


def test_each_byte_of_the_body_counts() -> None:
    call = signed_call()
    bodies = [BODY[:place] + bytes([BODY[place] ^ 1]) + BODY[place + 1 :] for place in range(len(BODY))]

    assert not any(is_held(replace(call, body=body)) for body in [*bodies, BODY + b" ", BODY[:-1], b""])


@pytest.mark.parametrize(
    "how",
    [
        {"covered": ("@method", "@path")},
        {"covered": ("@method", "content-digest")},
        {"covered": ("@path", "content-digest")},
        {"covered": ("@method", "@path", "@path", "content-digest")},
        {"covered": ()},
        {"parameters": ';created={created};keyid="{keyid}"'},
        {"parameters": ';created={created};keyid="{keyid}";alg="hmac-sha256"'},
        {"parameters": ';created={created};keyid="{keyid}";alg=ed25519'},
        {"parameters": ';keyid="{keyid}";alg="ed25519"'},
        {"parameters": ';created="{created}";keyid="{keyid}";alg="ed25519"'},
        {"parameters": ';created=?1;keyid="{keyid}";alg="ed25519"'},
        {"parameters": ';created={created};alg="ed25519"'},
        {"parameters": ';created={created};keyid="T1";alg="ed25519"'},
        {"parameters": ';created={created};expires="x";keyid="{keyid}";alg="ed25519"'},
    ],
)
def test_less_than_the_whole_call_is_refused(how: dict[str, object]) -> None:
    with pytest.raises(SignatureRefused):
        read_claim(signed_call(**how))  # type: ignore[arg-type]


def test_more_than_the_call_is_refused() -> None:
    call = signed_call()
    more = call.signature_input.replace('"content-digest"', '"content-digest" "date"')

    with pytest.raises(SignatureRefused, match="other components"):
        read_claim(replace(call, signature_input=more))
    with pytest.raises(SignatureRefused, match="other components"):
        read_claim(replace(call, signature_input=call.signature_input.replace('"@path"', '"@path";req')))


def test_query_that_is_not_covered_is_refused() -> None:
    call = signed_call("GET", "/api/v1/terminals/hot-list", b"")

    with pytest.raises(SignatureRefused, match="other components"):
        read_claim(replace(call, query="since=3"))


@pytest.mark.parametrize(
    "digest",
    ["", "sha-256=", "sha-256=abc", "sha-512=:AQI=:", "sha-256=:AQI=:", 'sha-256="x"', "sha-256=(:AQI=:)"],
)
def test_digest_that_is_not_of_the_body_is_refused(digest: str) -> None:
    with pytest.raises(SignatureRefused):
        read_claim(replace(signed_call(), content_digest=digest))


@pytest.mark.parametrize("label", ["sig2", "sig", "sig1a"])
def test_other_label_is_refused(label: str) -> None:
    call = signed_call()

    with pytest.raises(SignatureRefused, match="Signature"):
        read_claim(replace(call, signature=call.signature.replace("sig1", label, 1)))
    with pytest.raises(SignatureRefused):
        read_claim(replace(call, signature_input=call.signature_input.replace("sig1", label, 1)))


def test_digest_of_an_empty_body_may_be_covered() -> None:
    empty = (
        "sha-256=:"
        + base64.b64encode(
            bytes.fromhex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        ).decode()
        + ":"
    )
    call = signed_call("GET", "/api/v1/terminals/policy", b"")

    assert is_held(replace(call, content_digest=empty))
    with pytest.raises(SignatureRefused):
        read_claim(replace(call, content_digest="sha-256=:AQI=:"))


@pytest.mark.parametrize(
    ("now", "fresh"),
    [(NOW, True), (NOW + CLOCK_TOLERANCE_S, True), (NOW + CLOCK_TOLERANCE_S + 1, False),
     (NOW - CLOCK_TOLERANCE_S, True), (NOW - CLOCK_TOLERANCE_S - 1, False)],
)  # fmt: skip
def test_signature_is_good_for_five_minutes_either_way(now: int, fresh: bool) -> None:
    assert is_fresh(read_claim(signed_call()), now) is fresh


def test_signature_that_expired_is_not_fresh() -> None:
    claim = read_claim(
        signed_call(parameters=';created={created};expires=1795426210;keyid="{keyid}";alg="ed25519"')
    )

    assert is_fresh(claim, NOW + 10)
    assert not is_fresh(claim, NOW + 11)
