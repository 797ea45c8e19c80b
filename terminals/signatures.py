"""HTTP message signatures: what a terminal signs of a call, and how (RFC 9421, RFC 9530, Ed25519).

Knows keys and header syntax; must not know a connection or what a call means.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

LABEL = "sig1"


def content_digest(body: bytes) -> str:
    """Give the Content-Digest header of a body (RFC 9530, sha-256)."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


def signature_params(components: Sequence[str], parameters: Mapping[str, int | str]) -> str:
    """Write the covered components and the parameters, in the order given (RFC 9421, 2.3)."""
    covered = " ".join(f'"{name}"' for name in components)
    rest = "".join(
        f";{name}={value}" if isinstance(value, int) else f';{name}="{value}"'
        for name, value in parameters.items()
    )
    return f"({covered}){rest}"


def signature_base(components: Sequence[tuple[str, str]], params: str) -> bytes:
    """Write the bytes that are signed: a line for each component, then the parameters (RFC 9421, 2.5)."""
    lines = [f'"{name}": {value}' for name, value in components]
    return "\n".join([*lines, f'"@signature-params": {params}']).encode()


def signed_headers(
    *,
    method: str,
    path: str,
    query: str,
    body: bytes | None,
    key: Ed25519PrivateKey,
    keyid: str,
    created: int,
) -> dict[str, str]:
    """Give the headers that prove who calls: Signature-Input, Signature and, with a body, Content-Digest.

    `query` is the text after the question mark, empty where there is none.
    """
    headers: dict[str, str] = {}
    components = [("@method", method), ("@path", path)]
    if query:
        components.append(("@query", f"?{query}"))
    if body is not None:
        headers["Content-Digest"] = content_digest(body)
        components.append(("content-digest", headers["Content-Digest"]))
    params = signature_params(
        [name for name, _ in components], {"created": created, "keyid": keyid, "alg": "ed25519"}
    )
    signature = key.sign(signature_base(components, params))
    headers["Signature-Input"] = f"{LABEL}={params}"
    headers["Signature"] = f"{LABEL}=:{base64.b64encode(signature).decode()}:"
    return headers
