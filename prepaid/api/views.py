"""The endpoints of the terminal API: each reads a message, calls one function and answers.

Knows messages, statuses and functions; must not hold a rule.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from prepaid.api import problems
from prepaid.api.advices import record_items
from prepaid.api.authentication import Caller, RememberingAuthentication, TerminalAuthentication
from prepaid.api.bodies import (
    JsonOnly,
    MessageRenderer,
    RawParser,
    find_unshowable,
    read_envelope,
    read_message,
)
from prepaid.api.problems import ProblemError, malformed
from prepaid.api.signatures import CLOCK_TOLERANCE_S
from prepaid.api.throttling import InquiryThrottle
from prepaid.api.transactions import message_of, submit
from prepaid.cards.challenge import find_challenge_floor
from prepaid.cards.hot_list import hot_list_version, list_changes
from prepaid.cards.presentation import Presentation, present
from prepaid.settlement import untrusted
from prepaid.settlement.batches import close_batch
from prepaid.stored_value.answers import Answer, Balance, Refused
from prepaid.stored_value.calls import OriginChanged, find_answer
from prepaid.stored_value.inquire import inquire
from prepaid.stores.enrolment import PUBLIC_KEY_BYTES, enrol
from prepaid.stores.health import record_heartbeat
from prepaid.stores.models import Terminal
from prepaid.stores.policy import policy_of
from prepaid.stores.taps import record_tap
from terminals import advices, messages

# A failed terminal's clock may have been ahead of the site's by as much as a signature's may.
RECOVERY_GRACE = timedelta(seconds=CLOCK_TOLERANCE_S)


class ApiView(APIView):
    """What every endpoint shares: JSON both ways, a signature, problems."""

    authentication_classes: tuple[type[BaseAuthentication], ...] = (TerminalAuthentication,)
    permission_classes = ()
    throttle_classes: tuple[type[BaseThrottle], ...] = ()
    parser_classes = (RawParser,)
    renderer_classes = (MessageRenderer,)
    content_negotiation_class = JsonOnly
    versioning_class = None
    metadata_class = None
    # A spare may hear and tell, and move value once it is promoted; its successor may send what a failed
    # one left.
    is_for_standby = True
    is_for_successor = False
    is_for_locked = False
    http_method_names = ["get", "head", "post"]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse a method that the address does not take before asking who calls."""
        if (request.method or "") not in self.allowed_methods:
            raise MethodNotAllowed(request.method or "")
        super().initial(request, *args, **kwargs)

    def get_exception_handler(self) -> Callable[..., Any]:
        """Answer errors with problems."""
        return problems.answer_error

    def read(self, kind: Any) -> Any:
        """Read the body as a message of a kind."""
        body: Any = self.request.data or b""
        return read_message(body, kind)

    @property
    def caller(self) -> Caller:
        """The terminal that signed the call."""
        caller: Any = self.request.user
        assert isinstance(caller, Caller), "only a signed endpoint asks who calls"
        return caller


class EnrolView(ApiView):
    """The first call of a terminal, and the only one that is not signed."""

    authentication_classes = ()

    def post(self, request: Request) -> Response:
        """Enrol a terminal."""
        message: messages.EnrolRequest = self.read(messages.EnrolRequest)
        terminal = enrol(
            message.code,
            _read_public_key(message.public_key),
            agent_version=message.agent_version,
            platform=message.platform,
            at=_now(),
        )
        return Response(_enrolled(terminal), 201)


class PolicyView(ApiView):
    """What a terminal may do by itself."""

    def get(self, request: Request) -> Response:
        """Give the policy of the terminal that asks."""
        return Response(_policy(self.caller.terminal))


class HotListView(ApiView):
    """Cards that must not be accepted offline."""

    def get(self, request: Request) -> Response:
        """Give what changed since a version, or all of it."""
        since = request.query_params.get("since", "0")
        if not (since.isascii() and since.isdigit() and len(since) <= 18):
            raise malformed({"since": "A version is a whole number, 0 or greater."})
        return Response(list_changes(int(since)))


class HeartbeatView(ApiView):
    """How a terminal is; a locked one is heard too, and told that it is locked."""

    is_for_locked = True

    def post(self, request: Request) -> Response:
        """Record a heartbeat."""
        if self.caller.state != Terminal.State.LOCKED:
            return Response(self._record())
        with suppress(ProblemError):
            self._record()
        raise ProblemError("SW-TAMP-01")

    def _record(self) -> messages.HeartbeatAnswer:
        message: messages.Heartbeat = self.read(messages.Heartbeat)
        moments = {"clock": message.clock, "queue.oldest_at": message.queue.oldest_at}
        moments |= {f"faults[{place}].at": fault.at for place, fault in enumerate(message.faults)}
        if errors := find_unshowable(moments):
            raise malformed(errors)
        version = hot_list_version()
        return record_heartbeat(self.caller.terminal, message, at=_now(), hot_list_version=version)


class InquiryView(ApiView):
    """Balance inquiries; each is a tap for the counter that is paired with the terminal."""

    is_for_standby = False

    throttle_classes = (InquiryThrottle,)

    def post(self, request: Request) -> Response:
        """Tell a card's balance; moves nothing."""
        message: messages.InquiryRequest = self.read(messages.InquiryRequest)
        at = _now()
        presentation = present(message.card, at=at)
        try:
            balance = inquire(self.caller.origin, presentation, at=at)
        except Refused as refused:
            if refused.reason in untrusted.REASONS:
                showing = untrusted.Showing(terminal_id=self.caller.origin.id, occurred_at=at)
                untrusted.look_at_refused(message.card, showing, at=at)
            # A proven identity that no card has yet is what the counter issues a new card with.
            if refused.reason == "card_unknown" and presentation.method == "sun":
                self._tell_counter(presentation, None, at)
            raise
        self._tell_counter(presentation, balance.card_id, at)
        return Response(_inquiry(balance))

    def _tell_counter(self, presentation: Presentation, card_id: UUID | None, at: datetime) -> None:
        terminal = Terminal(id=self.caller.origin.id)
        record_tap(terminal, card_id=card_id, presentation=presentation, at=at)


class TransactionsView(ApiView):
    """Where value moves: in one round trip for a terminal that called before."""

    authentication_classes = (RememberingAuthentication,)
    is_for_standby = False
    is_for_successor = True

    def post(self, request: Request) -> Response:
        """Make a transaction, or give the stored answer again."""
        try:
            answer = self._submit(self.caller)
        except (ProblemError, OriginChanged):
            # What is remembered of the terminal may be old; a locked one is told that and nothing else.
            answer = self._submit(RememberingAuthentication().ask_anew(request))
        if answer.replayed:
            return Response(message_of(answer), 200, headers={"Idempotent-Replayed": "true"})
        return Response(message_of(answer), 201)

    def _submit(self, caller: Caller) -> Answer:
        message: messages.Transaction = self.read(messages.Transaction)
        until = _recovered_until(caller)
        if until is not None and message.occurred_at > until:
            raise ProblemError("recovery_refused")
        return submit(caller.origin, message, at=_now())


class AdvicesView(ApiView):
    """What terminals approved while they could not reach the site."""

    is_for_standby = False
    is_for_successor = True

    def post(self, request: Request) -> Response:
        """Record advices; each stands alone."""
        body: Any = self.request.data or b""
        items = read_envelope(body, advices.Advices).items
        return Response(record_items(self.caller.origin, items, until=_recovered_until(self.caller)))


class TransactionView(ApiView):
    """The query for an unknown outcome."""

    is_for_successor = True

    def get(self, request: Request, transaction_id: str) -> Response:
        """Give the stored answer of the terminal's own transaction."""
        try:
            answer = find_answer(UUID(transaction_id), origin_id=self.caller.origin.id)
        except ValueError:
            answer = None
        if answer is None:
            raise ProblemError("not_found", "No transaction of this terminal has this id.")
        return Response(message_of(answer))


class BatchCloseView(ApiView):
    """The end of a terminal's batch."""

    is_for_successor = True

    def post(self, request: Request) -> Response:
        """Compare the terminal's totals with ours."""
        message: messages.BatchClose = self.read(messages.BatchClose)
        if message.first_sequence > message.last_sequence:
            raise malformed({"last_sequence": "The batch ends before it begins."})
        return Response(close_batch(self.caller.terminal, message, at=_now()))


def _now() -> datetime:
    return datetime.now(UTC)


def _read_public_key(text: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != PUBLIC_KEY_BYTES:
        raise malformed({"public_key": f"The key is base64 of {PUBLIC_KEY_BYTES} raw bytes."})
    return key


def _enrolled(terminal: Terminal) -> messages.Enrolled:
    store = terminal.store
    return messages.Enrolled(
        terminal_id=terminal.id,
        name=terminal.name,
        store=messages.StoreShown(code=store.code, name=store.name),
        currency=store.currency,
        timezone=store.timezone,
        policy=_policy(terminal),
    )


def _recovered_until(caller: Caller) -> datetime | None:
    """Give the moment after which nothing is taken from a terminal that was replaced."""
    return None if caller.replaced_at is None else caller.replaced_at + RECOVERY_GRACE


def _policy(terminal: Terminal) -> dict[str, Any]:
    """Give a terminal's policy with the floor that the programs of its currency ask for."""
    return policy_of(terminal, at=_now()) | {"challenge_floor": find_challenge_floor(terminal.store.currency)}


def _inquiry(balance: Balance) -> messages.Inquiry:
    return messages.Inquiry(
        card=messages.CardState(
            number_masked=balance.number_masked, state=balance.state, program=balance.program_code
        ),
        currency=balance.currency,
        balance=balance.balance_minor,
        available=balance.available_minor,
        held=balance.held_minor,
        expires_on=balance.expires_on,
    )
