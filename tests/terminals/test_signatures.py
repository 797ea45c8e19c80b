from __future__ import annotations

import base64

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from terminals.signatures import content_digest, signature_base, signature_params, signed_headers

# RFC 9421, B.1.4 (the key) and B.2.6 (the signature).
RFC_SEED = base64.urlsafe_b64decode("n4Ni-HpISpVObnQMW0wOhCKROaIKqKtW_2ZYb2p9KcU=")
RFC_COMPONENTS = [
    ("date", "Tue, 20 Apr 2021 02:07:55 GMT"),
    ("@method", "POST"),
    ("@path", "/foo"),
    ("@authority", "example.com"),
    ("content-type", "application/json"),
    ("content-length", "18"),
]
RFC_SIGNATURE = "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw=="


def test_the_base_and_signature_are_those_of_rfc_9421() -> None:
    names = [name for name, _ in RFC_COMPONENTS]
    params = signature_params(names, {"created": 1618884473, "keyid": "test-key-ed25519"})
    base = signature_base(RFC_COMPONENTS, params)
    assert base.splitlines()[-1] == (
        b'"@signature-params": ("date" "@method" "@path" "@authority" "content-type" "content-length")'
        b';created=1618884473;keyid="test-key-ed25519"'
    )
    signature = Ed25519PrivateKey.from_private_bytes(RFC_SEED).sign(base)
    assert base64.b64encode(signature).decode() == RFC_SIGNATURE


def test_the_content_digest_is_that_of_rfc_9530() -> None:
    # RFC 9530, appendix D: the sha-256 of {"hello": "world"} and a line feed.
    assert content_digest(b'{"hello": "world"}\n') == "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:"


def test_a_call_with_a_body_covers_its_digest_and_one_without_covers_its_query() -> None:
    key = Ed25519PrivateKey.from_private_bytes(RFC_SEED)
    posted = signed_headers(
        method="POST", path="/api/v1/x", query="", body=b"{}", key=key, keyid="k", created=1
    )
    assert posted["Signature-Input"] == (
        'sig1=("@method" "@path" "content-digest");created=1;keyid="k";alg="ed25519"'
    )
    asked = signed_headers(method="GET", path="/a", query="since=3", body=None, key=key, keyid="k", created=1)
    assert asked["Signature-Input"] == 'sig1=("@method" "@path" "@query");created=1;keyid="k";alg="ed25519"'
    assert "Content-Digest" not in asked
    base = (
        b'"@method": GET\n"@path": /a\n"@query": ?since=3\n'
        b'"@signature-params": ("@method" "@path" "@query");created=1;keyid="k";alg="ed25519"'
    )
    signature = base64.b64decode(asked["Signature"].removeprefix("sig1=:").removesuffix(":"))
    key.public_key().verify(signature, base)
