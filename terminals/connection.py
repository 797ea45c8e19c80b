"""The line to the site: one signed call at a time over a kept connection, and what is known when it fails.

Knows HTTP, TLS and signatures; must not know what a call means or whether to repeat it.
"""

from __future__ import annotations

import http.client
import select
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit
from uuid import UUID

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from terminals import messages, network
from terminals.errors import AnswerUnknown, ConnectionFault, NothingSent, Refused, StateError, TryAgain
from terminals.signatures import signed_headers

BASE = "/api/v1/"
ANSWER_BYTES_MAX = 4 * 1024 * 1024
IDLE_S_MAX = 30.0
RETRY_AFTER_DEFAULT_S = 1.0
CLOCK_OFF_S_MAX = 60.0
SLOW_P95_S = 1.5
CONNECT_S_MIN = 0.1


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long each step may take, in seconds: `connect_s` with TLS, `answer_s` for the whole answer.

    Short, because a cashier waits for the first two before the terminal stands in.
    """

    name_s: float = 1.0
    connect_s: float = 1.5
    answer_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete answer with a 2xx status."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Connection:
    """Signed calls to one site, from any thread, one after the other.

    Every failure says what is known: NothingSent and Refused mean that nothing happened at the site,
    AnswerUnknown (and its kind TryAgain) that only the same call again can tell.
    """

    def __init__(
        self,
        site: str,
        *,
        terminal_id: UUID | None = None,
        key: Ed25519PrivateKey | None = None,
        timeouts: Timeouts | None = None,
        last_address: str | None = None,
    ) -> None:
        parts = urlsplit(site)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise StateError("SW-STATE-01", f"{site!r} is not the address of a site")
        self._secure = parts.scheme == "https"
        self.host = parts.hostname
        self.port = parts.port or (443 if self._secure else 80)
        self._authority = parts.netloc.rpartition("@")[2]
        self._base = parts.path.rstrip("/") + BASE
        self._terminal_id = terminal_id
        self._key = key
        self._timeouts = timeouts or Timeouts()
        self._lock = threading.Lock()
        self._client: http.client.HTTPConnection | None = None
        self._used_at = 0.0
        self._durations_s: deque[float] = deque(maxlen=50)
        self.last_address = last_address
        self.clock_off_s: float | None = None
        # Hears of each refusal before it is raised.
        self.on_refused: Callable[[Refused], object] = lambda refusal: None

    def call(self, method: str, path: str, body: bytes | None = None) -> Reply:
        """Make one attempt at a call; `path` is relative to /api/v1/ and may carry a query.

        Raises NothingSent, Refused, TryAgain or AnswerUnknown.
        """
        with self._lock:
            client = self._kept() or self._opened()
            started = time.monotonic()
            try:
                reply = self._exchange(client, method, self._base + path, body)
            except (OSError, http.client.HTTPException) as error:
                self._drop()
                raise AnswerUnknown("NET-SRV-01", f"the answer was cut: {_said(error)}") from error
            self._used_at = time.monotonic()
            self._durations_s.append(self._used_at - started)
        self._note_clock(reply)
        try:
            return _known(reply)
        except Refused as refusal:
            self.on_refused(refusal)
            raise

    def close(self) -> None:
        """Close the kept connection; the next call opens another."""
        with self._lock:
            self._drop()

    def is_slow(self) -> bool:
        """Tell whether the 95th percentile of the last answers is over what a till bears (NET-SLOW-01)."""
        durations = sorted(self._durations_s)
        return len(durations) >= 10 and durations[int(len(durations) * 0.95)] > SLOW_P95_S

    def _exchange(
        self, client: http.client.HTTPConnection, method: str, target: str, body: bytes | None
    ) -> Reply:
        deadline = time.monotonic() + self._timeouts.answer_s
        client.request(method, target, body=body, headers=self._headers(method, target, body))
        answer = client.getresponse()
        pieces, size = [], 0
        while piece := answer.read1(65_536):
            pieces.append(piece)
            size += len(piece)
            if size > ANSWER_BYTES_MAX or time.monotonic() > deadline:
                raise http.client.HTTPException("too long an answer")
        if answer.length:
            raise http.client.IncompleteRead(b"", answer.length)
        # read1 does not end the answer by itself, and the next one would not be ready.
        answer.close()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        if answer.will_close:
            self._drop()
        return Reply(answer.status, headers, b"".join(pieces))

    def _headers(self, method: str, target: str, body: bytes | None) -> dict[str, str]:
        headers = {"Host": self._authority, "Accept": "application/json, application/problem+json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if self._key is not None:
            path, _, query = target.partition("?")
            headers |= signed_headers(
                method=method,
                path=path,
                query=query,
                body=body,
                key=self._key,
                keyid=str(self._terminal_id),
                created=int(time.time()),
            )
        return headers

    def _kept(self) -> http.client.HTTPConnection | None:
        if self._client is None or self._client.sock is None:
            return None
        # A readable idle connection is one that the site has closed: what is sent on it would be lost.
        readable, _, _ = select.select([self._client.sock], [], [], 0)
        if readable or time.monotonic() - self._used_at > IDLE_S_MAX:
            self._drop()
        return self._client

    def _opened(self) -> http.client.HTTPConnection:
        try:
            plain, deadline = self._connected()
        except OSError as error:
            raise self._unreached(error, self.last_address or self.host) from error
        try:
            plain.settimeout(max(CONNECT_S_MIN, deadline - time.monotonic()))
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._secure:
                plain = ssl.create_default_context().wrap_socket(plain, server_hostname=self.host)
            plain.settimeout(self._timeouts.answer_s)
        except OSError as error:
            plain.close()
            raise self._unreached(error, self.host) from error
        self._client = http.client.HTTPConnection(self.host, self.port)
        self._client.auto_open = 0
        self._client.sock = plain
        return self._client

    def _connected(self) -> tuple[socket.socket, float]:
        try:
            addresses = network.resolve(self.host, self.port, self._timeouts.name_s)
        except OSError:
            if self.last_address is None:
                raise
            addresses = [self.last_address]
        deadline = time.monotonic() + self._timeouts.connect_s
        failure: OSError = TimeoutError("no address")
        for address in addresses[:4]:
            try:
                left_s = max(CONNECT_S_MIN, deadline - time.monotonic())
                plain = socket.create_connection((address, self.port), timeout=left_s)
            except OSError as error:
                failure = error
                continue
            self.last_address = address
            return plain, deadline
        raise failure

    def _unreached(self, error: OSError, address: str) -> ConnectionFault:
        known = self.host if isinstance(error, socket.gaierror) else address
        return NothingSent(network.name_cause(error, known), _said(error))

    def _drop(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def _note_clock(self, reply: Reply) -> None:
        try:
            site_time = parsedate_to_datetime(reply.headers["date"])
        except (KeyError, ValueError):
            return
        self.clock_off_s = (datetime.now(UTC) - site_time).total_seconds()


def _known(reply: Reply) -> Reply:
    """Give a 2xx reply, and raise for any other what it lets us know."""
    if 200 <= reply.status < 300:
        return reply
    problem = _problem(reply)
    if problem is None:
        raise AnswerUnknown("NET-SRV-01", f"HTTP {reply.status}, not in the site's own words")
    retry_after_s = _retry_after_s(reply)
    if reply.status >= 500:
        if reply.status == 503:
            raise TryAgain("NET-SRV-01", problem.code, retry_after_s=retry_after_s or RETRY_AFTER_DEFAULT_S)
        raise AnswerUnknown("NET-SRV-01", f"HTTP {reply.status}: {problem.code}")
    fields = "; ".join(f"{name}: {' '.join(said)}" for name, said in problem.errors.items())
    detail = " ".join(filter(None, (problem.detail or problem.title, fields)))
    raise Refused(problem.code, detail, status=reply.status, retry_after_s=retry_after_s)


def _problem(reply: Reply) -> messages.Problem | None:
    """Read a problem of the site's own; a proxy's or a captive portal's page is none."""
    if not reply.headers.get("content-type", "").startswith("application/problem+json"):
        return None
    try:
        return msgspec.json.decode(reply.body, type=messages.Problem)
    except msgspec.MsgspecError:
        return None


def _retry_after_s(reply: Reply) -> float | None:
    text = reply.headers.get("retry-after", "")
    return float(text) if text.isascii() and text.isdigit() else None


def _said(error: BaseException) -> str:
    return str(error) or type(error).__name__
