"""HTTP message signatures of terminals, verified: RFC 9421 with Ed25519, and Content-Digest of RFC 9530.

Knows what a signature covers and whether it holds; must not know a terminal's state, Django or a database.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from prepaid.api.structured_fields import (
    FieldSyntaxError,
    InnerList,
    Item,
    parse_dictionary,
    serialise_inner_list,
)

LABEL = "sig1"
ALGORITHM = "ed25519"
CLOCK_TOLERANCE_S = 300
ACCEPTED = f'{LABEL}=("@method" "@path" "content-digest");created;keyid;alg="{ALGORITHM}"'


class SignatureRefused(Exception):
    """The signature does not hold; the text is for tests, never for the caller."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedCall:
    """What of a call can be signed, with the headers that sign it. `path` is as sent, `query` without `?`."""

    method: str
    path: str
    query: str
    body: bytes
    signature_input: str
    signature: str
    content_digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Who is said to have signed, when, and the bytes that must have been signed. Times are Unix seconds."""

    keyid: UUID
    created: int
    expires: int | None
    signed: bytes
    signature: bytes


def read_claim(call: SignedCall) -> Claim:
    """Read the claim of a call, which covers it whole, body included. Raises SignatureRefused."""
    try:
        covered = parse_dictionary(call.signature_input).get(LABEL)
        proof = parse_dictionary(call.signature).get(LABEL)
    except FieldSyntaxError as error:
        raise SignatureRefused(str(error)) from error
    if not isinstance(covered, InnerList):
        raise SignatureRefused(f"no {LABEL} in Signature-Input")
    if not isinstance(proof, Item) or not isinstance(proof.value, bytes):
        raise SignatureRefused(f"no {LABEL} in Signature")
    components = [(name, _component(name, call)) for name in _covered_names(covered, call)]
    if call.body or call.content_digest:
        _check_digest(call)
    keyid, created, expires = _parameters(covered)
    signed = signature_base(components, serialise_inner_list(covered))
    return Claim(keyid=keyid, created=created, expires=expires, signed=signed, signature=proof.value)


def _covered_names(covered: InnerList, call: SignedCall) -> list[str]:
    names = [item.value for item in covered.items if isinstance(item.value, str) and not item.parameters]
    needed = {"@method", "@path"}
    if call.query:
        needed.add("@query")
    # Some clients send and cover the digest of an empty body as well.
    if call.body or (call.content_digest and "content-digest" in names):
        needed.add("content-digest")
    # So do some with the query, whether there is one or not: it is "?" then (RFC 9421, 2.2.7).
    is_needed = set(names) in (needed, needed | {"@query"})
    if len(names) != len(covered.items) or len(set(names)) != len(names) or not is_needed:
        raise SignatureRefused("other components are covered than the call needs")
    return names


def _component(name: str, call: SignedCall) -> str:
    match name:
        case "@method":
            return call.method
        case "@path":
            return call.path
        case "@query":
            return f"?{call.query}"
        case _:
            return call.content_digest.strip()


def _check_digest(call: SignedCall) -> None:
    try:
        told = parse_dictionary(call.content_digest).get("sha-256")
    except FieldSyntaxError as error:
        raise SignatureRefused(str(error)) from error
    if not isinstance(told, Item) or told.value != hashlib.sha256(call.body).digest():
        raise SignatureRefused("the digest is not that of the body")


def _parameters(covered: InnerList) -> tuple[UUID, int, int | None]:
    keyid, created, expires = (covered.parameters.get(name) for name in ("keyid", "created", "expires"))
    if covered.parameters.get("alg") != ALGORITHM:
        raise SignatureRefused(f"alg is not {ALGORITHM}")
    if type(created) is not int or (expires is not None and type(expires) is not int):
        raise SignatureRefused("created and expires are whole seconds")
    if not isinstance(keyid, str):
        raise SignatureRefused("keyid is missing")
    try:
        terminal_id = UUID(keyid)
    except ValueError as error:
        raise SignatureRefused("keyid is not an id") from error
    return terminal_id, created, expires


def signature_base(components: Sequence[tuple[str, str]], parameters: str) -> bytes:
    """Write the bytes that are signed: a line for each component, then the parameters (RFC 9421, 2.5)."""
    lines = [f'"{name}": {value}' for name, value in components]
    return "\n".join([*lines, f'"@signature-params": {parameters}']).encode()


def holds(claim: Claim, public_key: bytes) -> bool:
    """Say whether the claim's signature was made by the key (32 raw bytes)."""
    try:
        _loaded(public_key).verify(claim.signature, claim.signed)
    except (InvalidSignature, ValueError):
        return False
    return True


def is_fresh(claim: Claim, now: float) -> bool:
    """Say whether the claim was made at about `now` (Unix seconds) and has not expired."""
    if claim.expires is not None and claim.expires < now:
        return False
    return abs(now - claim.created) <= CLOCK_TOLERANCE_S


@lru_cache(maxsize=4096)
def _loaded(public_key: bytes) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(public_key)
