"""Who calls: a terminal, proven by its signature, and the origin of what it asks for.

Knows terminals' keys and states; nothing of them is revealed before the signature holds.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from django.http import HttpRequest
from django.utils.encoding import escape_uri_path
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from prepaid.api.problems import ProblemError, unsigned
from prepaid.api.signatures import Claim, SignatureRefused, SignedCall, holds, is_fresh, read_claim
from prepaid.stored_value.calls import fetch
from prepaid.stored_value.requests import Origin
from prepaid.stores.models import Terminal

REMEMBERED_MAX = 10_000
# One prepared statement: this stands before every posting.
_SQL = (
    "select terminal.public_key, terminal.state, terminal.closed_through_sequence, store.id, store.currency, "
    "store.timezone, store.day_starts_at "
    "from stores_terminal as terminal join stores_store as store on store.id = terminal.store_id "
    "where terminal.id = %s::uuid"
)
_SUCCESSOR_SQL = (
    "select successor.public_key, replacement.at "
    "from stores_terminalreplacement as replacement "
    "join stores_terminal as successor on successor.id = replacement.successor_id "
    "where replacement.failed_id = %s::uuid and successor.state = 'active'"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """A terminal whose signature held."""

    origin: Origin
    state: str
    public_key: bytes
    # Set where the terminal's successor signed for it: from then on nothing new may have happened there.
    replaced_at: datetime | None = None
    is_authenticated: bool = True

    @property
    def terminal(self) -> Terminal:
        """Fetch the terminal's row with its store; the postings need only the origin."""
        return Terminal.objects.select_related("store").get(pk=self.origin.id)


class TerminalAuthentication(BaseAuthentication):
    """Lets in terminals that signed the call and may make it, as the view says of itself."""

    def authenticate(self, request: Request) -> tuple[Caller, None]:
        """Give the caller.

        Raises `bad_signature`, `SW-CLK-01`, `terminal_retired`, `SW-TAMP-01`, `terminal_standby`.
        """
        claim, view = read_signed(request), (request.parser_context or {}).get("view")
        caller = _find_caller(claim.keyid)
        if caller is None:
            raise unsigned()
        if not holds(claim, caller.public_key):
            caller = _signed_by_successor(claim, caller) if getattr(view, "is_for_successor", False) else None
        if caller is None:
            raise unsigned()
        if not is_fresh(claim, time.time()):
            raise unsigned("SW-CLK-01")
        if caller.replaced_at is not None:
            return caller, None
        if caller.state == Terminal.State.RETIRED:
            raise ProblemError("terminal_retired")
        if caller.state == Terminal.State.LOCKED and not getattr(view, "is_for_locked", False):
            raise ProblemError("SW-TAMP-01")
        if caller.state == Terminal.State.STANDBY and not getattr(view, "is_for_standby", True):
            raise ProblemError("terminal_standby")
        return caller, None


class RememberingAuthentication(TerminalAuthentication):
    """Spares the look-up for a terminal that called before, where the posting itself looks at it again.

    Only for an endpoint that meets OriginChanged, and any other refusal, by asking TerminalAuthentication.
    """

    _remembered: ClassVar[dict[UUID, Caller]] = {}

    def authenticate(self, request: Request) -> tuple[Caller, None]:
        """Give the caller as remembered where its signature holds now, else as looked up."""
        claim = read_signed(request)
        caller = self._remembered.get(claim.keyid)
        if caller and holds(claim, caller.origin.remembered_key or b"") and is_fresh(claim, time.time()):
            return caller, None
        looked_up, _ = super().authenticate(request)
        if looked_up.replaced_at is not None:
            return looked_up, None
        if len(self._remembered) >= REMEMBERED_MAX:
            self._remembered.clear()
        origin = replace(looked_up.origin, remembered_key=looked_up.public_key)
        self._remembered[claim.keyid] = replace(looked_up, origin=origin)
        return looked_up, None

    def ask_anew(self, request: Request) -> Caller:
        """Forget what is remembered of the caller and look it up; raises as `authenticate` does."""
        self._remembered.pop(read_signed(request).keyid, None)
        return self.authenticate(request)[0]


def read_signed(request: Request) -> Claim:
    """Read who is said to have signed the request; raises the problem `bad_signature`."""
    try:
        return read_claim(_signed_call(request._request))
    except SignatureRefused:
        raise unsigned() from None


def _signed_call(request: HttpRequest) -> SignedCall:
    headers = request.META
    return SignedCall(
        method=request.method or "",
        path=escape_uri_path(request.path),
        query=headers.get("QUERY_STRING", ""),
        body=request.body,
        signature_input=headers.get("HTTP_SIGNATURE_INPUT", ""),
        signature=headers.get("HTTP_SIGNATURE", ""),
        content_digest=headers.get("HTTP_CONTENT_DIGEST", ""),
    )


def _signed_by_successor(claim: Claim, failed: Caller) -> Caller | None:
    """Let the terminal that took over from a locked one sign in its name, while it may work (ADR 0067)."""
    if failed.state != Terminal.State.LOCKED:
        return None
    row = fetch(_SUCCESSOR_SQL, [claim.keyid])
    if row is None or not holds(claim, bytes(row[0])):
        return None
    return replace(failed, replaced_at=row[1])


def _find_caller(terminal_id: UUID) -> Caller | None:
    row = fetch(_SQL, [terminal_id])
    if row is None:
        return None
    origin = Origin(
        id=terminal_id,
        kind="terminal",
        closed_through_sequence=row[2],
        store_id=row[3],
        currency=row[4],
        timezone=row[5],
        day_starts_at=row[6],
    )
    return Caller(origin=origin, state=row[1], public_key=bytes(row[0]))
