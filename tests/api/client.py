"""A terminal as another maker would write it: signs with code of its own, in process or over HTTP."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.test import Client

BASE = "/api/v1/"
Headers = dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What the site said."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The code of a problem."""
        assert self.headers["content-type"] == "application/problem+json", self.body
        return str(self.json()["code"])


def sign(
    key: Ed25519PrivateKey,
    *,
    keyid: str,
    method: str,
    target: str,
    body: bytes = b"",
    created: int | None = None,
    parameters: str = ';created={created};keyid="{keyid}";alg="ed25519"',
    covered: tuple[str, ...] | None = None,
) -> Headers:
    """Make the signing headers of a call; `parameters` and `covered` are for other ways to do it."""
    path, _, query = target.partition("?")
    headers: Headers = {}
    values = {"@method": method, "@path": path, "@query": f"?{query}"}
    if body:
        digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
        headers["Content-Digest"] = values["content-digest"] = f"sha-256=:{digest}:"
    names = [name for name in values if query or name != "@query"] if covered is None else covered
    created = int(time.time()) if created is None else created
    written = "({})".format(" ".join(f'"{name}"' for name in names))
    written += parameters.format(created=created, keyid=keyid)
    lines = [f'"{name}": {values[name]}' for name in names] + [f'"@signature-params": {written}']
    signature = base64.b64encode(key.sign("\n".join(lines).encode())).decode()
    return headers | {"Signature-Input": f"sig1={written}", "Signature": f"sig1=:{signature}:"}


@dataclass(kw_only=True)
class TerminalClient:
    """Signed calls of one terminal: to Django in this process, or to a running site."""

    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    terminal_id: UUID | str = ""
    site: str = ""

    @property
    def public_key(self) -> bytes:
        return self.key.public_key().public_bytes_raw()

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: Headers | None = None,
        signed: bool = True,
        **signing: Any,
    ) -> Reply:
        """Make a call; `body` is bytes or becomes JSON, `headers` replace those that were made."""
        sent = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        made: Headers = {"Content-Type": "application/json"} if sent else {}
        target = BASE + path
        if signed:
            made |= sign(
                self.key,
                **{"keyid": str(self.terminal_id), "method": method, "target": target, "body": sent}
                | signing,
            )
        return self.send(method, target, sent, made | (headers or {}))

    def send(self, method: str, target: str, body: bytes, headers: Headers) -> Reply:
        """Send a call as it is."""
        if self.site:
            return self._send_over_http(method, target, body, headers)
        content_type = headers.pop("Content-Type", "")
        # A server gives the length of a body, and none where there is no body.
        extra: dict[str, Any] = {} if body else {"CONTENT_LENGTH": ""}
        browser = Client(raise_request_exception=False)
        response = browser.generic(method, target, body, content_type, headers=headers, **extra)
        return Reply(
            status=response.status_code,
            headers={name.lower(): value for name, value in response.items()},
            body=response.content,
        )

    def _send_over_http(self, method: str, target: str, body: bytes, headers: Headers) -> Reply:
        parts = urlsplit(self.site)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
        try:
            connection.request(method, target, body or None, headers)
            answer = connection.getresponse()
            told = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(status=answer.status, headers=told, body=answer.read())
        finally:
            connection.close()
