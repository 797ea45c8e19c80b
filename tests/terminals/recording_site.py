"""A site on a real socket that records every call, keeps answers by id, and fails as a test asks for."""

from __future__ import annotations

import base64
import json
import re
import socket
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from uuid import UUID, uuid4

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from terminals.identifiers import rrn_of
from terminals.signatures import content_digest

# What happens to one call: answered; taken, and the answer cut in its body; taken, and no answer; neither;
# 503 or 500 without taking it; 500 after taking it; a page that is not the site's; a refusal (status:code).
Fate = Literal["answer", "cut", "lost", "dropped", "busy", "broken", "broken_after", "portal"] | str


@dataclass(frozen=True)
class Call:
    method: str
    path: str
    body: bytes
    fate: str


class RecordingSite:
    """Posts each id once, like the real one, and reverses by tombstone."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.violations: list[str] = []
        self.fates: deque[Fate] = deque()
        # What happens to the diagnosis, which asks for the policy beside everything else.
        self.probe_fates: deque[Fate] = deque()
        self.answers: dict[str, bytes] = {}
        self.bodies: dict[str, bytes] = {}
        self.sequences: dict[int, str] = {}
        self.reversed: set[str] = set()
        self.balance = 100_000
        self.public_key: Ed25519PublicKey | None = None
        self.clock_off = timedelta()
        self.minimum_version = "0"
        self.locked = False
        self.standby = False
        self.refuses_strangers = False
        self.name = ""
        self.heartbeats: list[dict[str, Any]] = []
        self.policy: dict[str, Any] = {"version": 1, "stand_in": {"enabled": False}}
        self.hot_list: dict[str, Any] = {"version": 0, "full": True, "added": [], "removed": []}
        self.decline: str | None = None
        self.floor: int | None = None
        self.challenge_refused: str | None = None
        self.during: Callable[[], None] = lambda: None
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def postings(self) -> list[dict[str, Any]]:
        """What moved money: approved answers of transactions that were not undone before they came."""
        answers = [json.loads(answer) for answer in self.answers.values()]
        return [
            answer for answer in answers if answer["outcome"] == "approved" and answer["type"] != "reversal"
        ]

    def sent(self, path: str = "/api/v1/transactions") -> list[Call]:
        return [call for call in self.calls if call.method == "POST" and call.path == path]

    def take(self, body: bytes) -> bytes:
        """Post a transaction once; the stored answer returns."""
        with self._lock:
            request = json.loads(body)
            known = self.answers.get(request["id"])
            if known is not None:
                assert self.bodies[request["id"]] == body, "the same id came with other bytes"
                return known
            assert request["sequence"] not in self.sequences, "a sequence came with another id"
            self.sequences[request["sequence"]] = request["id"]
            self.bodies[request["id"]] = body
            self.answers[request["id"]] = json.dumps(self._decide(request)).encode()
            return self.answers[request["id"]]

    def advise(self, item: dict[str, Any]) -> bytes:
        """Record an advice as any other transaction: posted once, reversed by tombstone."""
        assert item["stand_in"]["grant"] == self.policy["stand_in"]["grant"]
        return self.take(json.dumps(item).encode())

    def _decide(self, request: dict[str, Any]) -> dict[str, Any]:
        reason, amount = self.decline, request.get("amount", 0)
        if request["id"] in self.reversed:
            reason = "already_reversed"
        if request["type"] == "reversal":
            reason = None
            if request["original"] not in self.reversed and request["original"] in self.answers:
                undone = json.loads(self.answers[request["original"]])
                amount = undone["approved_amount"]
                self.balance += amount * {"redeem": 1, "capture": 1, "hold": 0}.get(undone["type"], -1)
            self.reversed.add(request["original"])
        elif request["type"] == "void":
            amount = json.loads(self.answers[request["original"]])["approved_amount"]
            self.balance += amount
        elif request["type"] == "release":
            amount = json.loads(self.answers[request["original"]])["approved_amount"]
        elif reason is None:
            self.balance += amount * {"load": 1, "hold": 0}.get(request["type"], -1)
        return {
            "id": request["id"],
            "rrn": rrn_of(UUID(request["id"])),
            "type": request["type"],
            "outcome": "declined" if reason else "approved",
            "reason": reason,
            "approved_amount": 0 if reason else amount,
            "currency": request.get("currency", "CNY"),
            "balance": self.balance,
            "available": self.balance,
            "card": {"number_masked": "•••• 1234", "program": "DEMO"},
            "money_moved": "no" if reason else "yes",
            "retry": "never" if reason else "new",
            "fix": "customer" if reason else None,
            "message": {"en": reason or "Approved", "zh": reason or "成功"},
            "recorded_at": datetime.now(UTC).isoformat(),
            "hash": None,
        }

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *args: object) -> None:
                pass

            def do_GET(self) -> None:
                self._serve(b"")

            def do_POST(self) -> None:
                self._serve(self.rfile.read(int(self.headers.get("Content-Length", 0))))

            def _serve(self, body: bytes) -> None:
                try:
                    site.serve(self, body)
                except AssertionError as error:
                    site.violations.append(str(error))
                    _hang_up(self)
                except OSError:
                    self.close_connection = True

        return Handler

    def serve(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        path = handler.path
        fates = self.probe_fates if path.endswith("/policy") else self.fates
        fate = fates.popleft() if fates else "answer"
        self.calls.append(Call(handler.command, path, body, fate))
        if path != "/api/v1/terminals/enrol" and self.stranger(handler, body):
            return self._refuse(handler, "401:bad_signature")
        self.during()
        if fate == "dropped":
            return _hang_up(handler)
        if fate in {"busy", "broken"} or ":" in fate:
            return self._refuse(handler, fate)
        if fate == "portal":
            return self._write(handler, 200, b"<html>Sign in to this network</html>", "text/html")
        status, answer = self._answer(handler.command, path, body)
        if fate == "lost":
            return _hang_up(handler)
        if fate == "broken_after":
            return self._refuse(handler, "broken")
        kind = "application/json" if status < 400 else "application/problem+json"
        self._write(handler, status, answer, kind, cut=fate == "cut")
        return None

    def _answer(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        name = path.removeprefix("/api/v1/")
        if method == "POST" and name == "transactions":
            known = json.loads(body)["id"] in self.answers
            return (200 if known else 201), self.take(body)
        if match := re.fullmatch("transactions/([0-9a-f-]{36})", name):
            stored = self.answers.get(match[1])
            return (200, stored) if stored else (404, _problem(404, "not_found"))
        if name == "terminals/enrol":
            key = base64.b64decode(json.loads(body)["public_key"])
            self.public_key = Ed25519PublicKey.from_public_bytes(key)
            return 201, json.dumps(ENROLLED).encode()
        if name == "terminals/heartbeat":
            self.heartbeats.append(json.loads(body))
            wishes: dict[str, Any] = {"minimum_agent_version": self.minimum_version, "locked": self.locked}
            wishes |= {"name": self.name, "standby": self.standby, "policy_version": self.policy["version"]}
            now = {
                "server_time": datetime.now(UTC).isoformat(),
                "hot_list_version": self.hot_list["version"],
            }
            return 200, json.dumps(HEALTHY | wishes | now).encode()
        if name == "terminals/policy":
            asked = {"minimum_agent_version": self.minimum_version, "challenge_floor": self.floor}
            return 200, json.dumps(self.policy | asked).encode()
        if name.startswith("cards/challenge"):
            return self._challenge(name)
        if name == "cards/personalise":
            return 200, json.dumps({"session": str(uuid4()), "commands": ["00a4"]}).encode()
        if name.startswith("cards/personalise/"):
            card = {"number_masked": "•••• 1234", "program": "DEMO"}
            return 200, json.dumps({"card": card, "key_version": 1}).encode()
        if name.startswith("terminals/hot-list"):
            return 200, json.dumps(self.hot_list).encode()
        if method == "POST" and name == "transactions/advices":
            return 200, b'{"items":[' + b",".join(map(self.advise, json.loads(body)["items"])) + b"]}"
        if name == "cards/inquiry":
            card = {"number_masked": "•••• 1234", "state": "active", "program": "DEMO"}
            shown = {"card": card, "currency": "CNY", "balance": self.balance, "available": self.balance}
            return 200, json.dumps(shown | {"held": 0, "expires_on": None}).encode()
        if name == "batches/close":
            told = json.loads(body)
            missing = [
                n for n in range(told["first_sequence"], told["last_sequence"] + 1) if n not in self.sequences
            ]
            compared: dict[str, Any] = {
                "batch": str(uuid4()),
                "balanced": not missing,
                "missing_sequences": missing,
                "differences": {},
            }
            return 200, json.dumps(compared).encode()
        return 404, _problem(404, "not_found")

    def _challenge(self, name: str) -> tuple[int, bytes]:
        """Ask for one command, and take whatever the card answers."""
        if self.challenge_refused is not None:
            return 422, _problem(422, self.challenge_refused)
        if name == "cards/challenge":
            return 200, json.dumps({"session": str(uuid4()), "commands": ["00a4", "9071"]}).encode()
        return 200, json.dumps({"token": "T" * 32}).encode()

    def _refuse(self, handler: BaseHTTPRequestHandler, fate: str) -> None:
        status, code = {"busy": ("503", "try_again"), "broken": ("500", "failure")}.get(fate) or fate.split(
            ":"
        )
        headers = {"Retry-After": "2"} if status in {"503", "429"} else {}
        self._write(
            handler, int(status), _problem(int(status), code), "application/problem+json", headers=headers
        )

    def _write(
        self,
        handler: BaseHTTPRequestHandler,
        status: int,
        answer: bytes,
        kind: str,
        *,
        headers: dict[str, str] | None = None,
        cut: bool = False,
    ) -> None:
        handler.send_response_only(status)
        handler.send_header("Date", format_datetime(datetime.now(UTC) + self.clock_off, usegmt=True))
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(answer)))
        for name, value in (headers or {}).items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(answer[: len(answer) // 2] if cut else answer)
        handler.wfile.flush()
        if cut:
            _hang_up(handler)

    def stranger(self, handler: BaseHTTPRequestHandler, body: bytes) -> bool:
        """Say whether another key signed the call: a violation, unless a test wants it refused."""
        try:
            self._verify(handler, body)
        except AssertionError:
            if not self.refuses_strangers:
                raise
            return True
        return False

    def _verify(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        """Check the signature independently of how the agent made it."""
        assert self.public_key is not None
        params = handler.headers["Signature-Input"].removeprefix("sig1=")
        covered = re.findall(r'"([^"]+)"', params.partition(")")[0])
        path, _, query = handler.path.partition("?")
        values = {"@method": handler.command, "@path": path, "@query": f"?{query}"}
        if body:
            assert handler.headers["Content-Digest"] == content_digest(body)
            values["content-digest"] = handler.headers["Content-Digest"]
        expected = {"@method", "@path"} | ({"content-digest"} if body else set())
        assert set(covered) == expected | ({"@query"} if query else set()), covered
        base = "\n".join(
            [*(f'"{name}": {values[name]}' for name in covered), f'"@signature-params": {params}']
        )
        signature = base64.b64decode(handler.headers["Signature"].removeprefix("sig1=:").removesuffix(":"))
        try:
            self.public_key.verify(signature, base.encode())
        except InvalidSignature as error:
            raise AssertionError("a call came with a wrong signature") from error


ENROLLED = {
    "terminal_id": "01936d2e-7c11-7abc-8def-0123456789ab",
    "name": "Till 1",
    "store": {"code": "S1", "name": "Corner Shop"},
    "currency": "CNY",
    "timezone": "Asia/Shanghai",
    "policy": {"version": 1},
}
HEALTHY = {"message": None}


def _hang_up(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


def _problem(status: int, code: str) -> bytes:
    return json.dumps({"type": "about:blank", "title": code, "status": status, "code": code}).encode()
