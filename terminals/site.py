"""The site as a terminal speaks to it: the calls of the terminal API, typed.

Knows paths and message types; must not know the journal or when to repeat a call.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar
from uuid import UUID

import msgspec

from terminals import card_steps, messages
from terminals.advices import HotList
from terminals.connection import Connection, Reply
from terminals.errors import AnswerUnknown, Refused

T = TypeVar("T")


class Site:
    """The terminal API of one site; every method raises what Connection.call raises."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def enrol(self, request: messages.EnrolRequest) -> messages.Enrolled:
        """Make this terminal known; Refused(403) for a used or expired code."""
        return _read(self._post("terminals/enrol", messages.content(request)), messages.Enrolled)

    def post_transaction(self, entry_id: UUID, body: bytes) -> tuple[messages.Answer, bytes]:
        """Send a transaction; its answer and the answer's own bytes return.

        AnswerUnknown as well where what came back is not the answer of this transaction.
        """
        return _answer(self._post("transactions", body), entry_id)

    def post_advices(
        self, entries: Sequence[tuple[UUID, bytes]]
    ) -> list[tuple[UUID, messages.Answer | messages.Problem, bytes]]:
        """Tell what was approved offline; for each its answer, or the problem that it is, with its bytes."""
        body = b'{"items":[' + b",".join(body for _, body in entries) + b"]}"
        items = _read(self._post("transactions/advices", body), _Items).items
        if len(items) != len(entries):
            raise AnswerUnknown("NET-SRV-01", f"{len(items)} answers to {len(entries)} advices")
        return [_told(bytes(item), entry_id) for item, (entry_id, _) in zip(items, entries, strict=True)]

    def policy(self) -> dict[str, Any]:
        """Ask what this terminal may do by itself, and above which amount a card is challenged."""
        return _read(self.connection.call("GET", "terminals/policy"), dict[str, Any])

    def hot_list(self, since: int) -> HotList:
        """Ask what changed in the hot list since a version."""
        query = f"?since={since}" if since else ""
        return _read(self.connection.call("GET", f"terminals/hot-list{query}"), HotList)

    def find_transaction(self, entry_id: UUID) -> tuple[messages.Answer, bytes] | None:
        """Ask for the stored answer of a transaction; None where the site has never seen it."""
        try:
            reply = self.connection.call("GET", f"transactions/{entry_id}")
        except Refused as refusal:
            if refusal.status == 404:
                return None
            raise
        return _answer(reply, entry_id)

    def inquire(self, card: messages.Card) -> messages.Inquiry:
        """Ask for a card's balance; moves nothing."""
        return _read(
            self._post("cards/inquiry", messages.content(messages.InquiryRequest(card=card))),
            messages.Inquiry,
        )

    def begin_challenge(self, request: card_steps.ChallengeRequest) -> card_steps.CardStep:
        """Ask for what a card is to be sent to prove itself; Refused(422) for a card that is not known."""
        return _read(self._post("cards/challenge", messages.content(request)), card_steps.CardStep)

    def continue_challenge(self, session: UUID, responses: list[str]) -> card_steps.CardStep:
        """Give a card's answers; Refused(422) NFC-CARD-02 for those that its key did not make."""
        body = messages.content(card_steps.CardResponses(responses=responses))
        return _read(self._post(f"cards/challenge/{session}", body), card_steps.CardStep)

    def begin_personalisation(self, request: card_steps.PersonaliseRequest) -> card_steps.CardStep:
        """Ask for what a blank is to be sent to become a card, or to go on after a tear."""
        return _read(self._post("cards/personalise", messages.content(request)), card_steps.CardStep)

    def continue_personalisation(self, session: UUID, responses: list[str]) -> card_steps.CardStep:
        """Give a blank's answers."""
        body = messages.content(card_steps.CardResponses(responses=responses))
        return _read(self._post(f"cards/personalise/{session}", body), card_steps.CardStep)

    def tell_health(self, heartbeat: messages.Heartbeat) -> messages.HeartbeatAnswer:
        """Tell how the terminal is and hear what the site wants."""
        return _read(self._post("terminals/heartbeat", messages.content(heartbeat)), messages.HeartbeatAnswer)

    def close_batch(self, body: bytes) -> tuple[messages.BatchAnswer, bytes]:
        """Have the totals of a batch compared; safe to repeat."""
        reply = self._post("batches/close", body)
        return _read(reply, messages.BatchAnswer), reply.body

    def _post(self, path: str, body: bytes) -> Reply:
        return self.connection.call("POST", path, body)


class _Items(messages.Said, frozen=True, kw_only=True):
    items: list[msgspec.Raw]


def _told(item: bytes, entry_id: UUID) -> tuple[UUID, messages.Answer | messages.Problem, bytes]:
    told: messages.Answer | messages.Problem
    try:
        told = msgspec.json.decode(item, type=messages.Answer)
    except msgspec.MsgspecError:
        try:
            told = msgspec.json.decode(item, type=messages.Problem)
        except msgspec.MsgspecError as error:
            raise AnswerUnknown("NET-SRV-01", f"the answer cannot be read: {error}") from error
    if isinstance(told, messages.Answer) and told.id != entry_id:
        raise AnswerUnknown("NET-SRV-01", "the answer is another transaction's")
    return entry_id, told, item


def _answer(reply: Reply, entry_id: UUID) -> tuple[messages.Answer, bytes]:
    answer = _read(reply, messages.Answer)
    if answer.id != entry_id:
        raise AnswerUnknown("NET-SRV-01", "the answer is another transaction's")
    return answer, reply.body


def _read(reply: Reply, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(reply.body, type=kind)
    except msgspec.MsgspecError as error:
        raise AnswerUnknown("NET-SRV-01", f"the answer cannot be read: {error}") from error
