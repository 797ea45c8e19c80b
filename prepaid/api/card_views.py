"""The endpoints by which a terminal carries a conversation between the site and a card.

Knows messages and two rooms of cards; must not hold a rule, nor know what a command means.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from prepaid.api.problems import ProblemError, malformed
from prepaid.api.throttling import ChallengeThrottle, PersonaliseThrottle
from prepaid.api.views import ApiView
from prepaid.cards.challenge import begin_challenge, continue_challenge
from prepaid.cards.errors import ProofRefused
from prepaid.cards.models import Card
from prepaid.cards.personalise import begin_awaited, begin_personalisation, continue_personalisation
from prepaid.cards.sessions import Step
from prepaid.settlement.untrusted import Showing, look_at_proof, look_at_refused
from terminals import card_steps, messages


class ChallengeView(ApiView):
    """The beginning of a challenge."""

    is_for_standby = False
    throttle_classes = (ChallengeThrottle,)

    def post(self, request: Request) -> Response:
        """Give the first commands for the card on the terminal's reader."""
        message: card_steps.ChallengeRequest = self.read(card_steps.ChallengeRequest)
        if message.uid is None and message.uri is None:
            raise malformed({"uid": "A card is named by its uid or its uri."})
        if message.uid is None and message.technology != "ntag424":
            raise malformed({"uid": "Only an NTAG 424 DNA is named by its message."})
        at = _now()
        try:
            step = begin_challenge(
                terminal_id=self.caller.origin.id,
                technology=message.technology,
                uid=None if message.uid is None else bytes.fromhex(message.uid),
                uri=message.uri,
                at=at,
            )
        except ProofRefused:
            showing = Showing(terminal_id=self.caller.origin.id, occurred_at=at)
            look_at_refused(messages.SunCard(uri=message.uri or ""), showing, at=at)
            raise
        return Response(_commands(step))


class ChallengeStepView(ApiView):
    """The rest of a challenge."""

    is_for_standby = False

    def post(self, request: Request, session: str) -> Response:
        """Take the card's answers."""
        responses, at = _responses(self.read(card_steps.CardResponses)), _now()
        terminal_id = self.caller.origin.id
        try:
            step = continue_challenge(_session(session), terminal_id=terminal_id, responses=responses, at=at)
        except ProofRefused as refused:
            look_at_proof(refused, Showing(terminal_id=terminal_id, occurred_at=at), at=at)
            raise
        return Response(card_steps.CardStep(commands=_hex(step), token=step.token))


class PersonaliseView(ApiView):
    """The beginning of a personalisation, or its resumption."""

    is_for_standby = False
    throttle_classes = (PersonaliseThrottle,)

    def post(self, request: Request) -> Response:
        """Store the intent and give the first commands for the blank on the terminal's reader."""
        message: card_steps.PersonaliseRequest = self.read(card_steps.PersonaliseRequest)
        begin = partial(begin_personalisation, message.number) if message.number else begin_awaited
        step = begin(
            terminal_id=self.caller.origin.id,
            store_id=self.caller.origin.store_id,
            technology=message.technology,
            uid=bytes.fromhex(message.uid or ""),
            at=_now(),
        )
        return Response(_commands(step))


class PersonaliseStepView(ApiView):
    """The rest of a personalisation."""

    is_for_standby = False

    def post(self, request: Request, session: str) -> Response:
        """Take the blank's answers."""
        responses = _responses(self.read(card_steps.CardResponses))
        step = continue_personalisation(
            _session(session), terminal_id=self.caller.origin.id, responses=responses, at=_now()
        )
        if step.card_id is None:
            return Response(card_steps.CardStep(commands=_hex(step)))
        card = Card.objects.select_related("program").get(pk=step.card_id)
        shown = messages.CardShown(number_masked=card.number_masked, program=card.program.code)
        return Response(card_steps.CardStep(card=shown, key_version=step.key_version))


def _session(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise ProblemError("not_found", "There is no such conversation with a card.") from None


def _responses(message: card_steps.CardResponses) -> list[bytes]:
    return [bytes.fromhex(response) for response in message.responses]


def _commands(step: Step) -> card_steps.CardStep:
    return card_steps.CardStep(session=step.session, commands=_hex(step))


def _hex(step: Step) -> list[str]:
    return [command.hex() for command in step.commands]


def _now() -> datetime:
    return datetime.now(UTC)
