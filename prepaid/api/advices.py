"""Advices as terminals upload them: each item is read, recorded and answered alone.

Knows messages and the calls of stored value; must not decide anything about value.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import msgspec

from prepaid.api.bodies import read_message
from prepaid.api.problems import ProblemError, body_of, find_problem, malformed
from prepaid.api.transactions import message_of, perform, request_of
from prepaid.cards.presentation import present
from prepaid.ledger.errors import IdReused, SequenceReused
from prepaid.money import Money
from prepaid.settlement.advices import Unrecorded, record_advices
from prepaid.stored_value.answers import Answer
from prepaid.stored_value.requests import Origin
from prepaid.stored_value.stand_in import advise_load, advise_redeem
from prepaid.stored_value.undo import reverse
from terminals import advices, messages

Told = messages.Answer | messages.Problem


def record_items(
    origin: Origin, items: Sequence[msgspec.Raw], *, until: datetime | None = None
) -> advices.AdvicesAnswer:
    """Record items in their order, each in a commit of its own, and give an answer for each.

    One that cannot be read, whose id or sequence is another's, or that is younger than `until`, is answered
    with its problem; the others stand. Raises TryAgain: what was recorded by then stands too, and a repeat
    finds it. What a person has to look at is stored before anything is answered, so that a terminal repeats
    until it is.
    """
    told: list[Told] = []
    recorded: list[UUID] = []
    declined: list[Answer] = []
    unrecorded: list[Unrecorded] = []
    for item in items:
        message: messages.Transaction | None = None
        try:
            message = _read(bytes(item))
            if until is not None and message.occurred_at > until:
                raise ProblemError("recovery_refused")
            answer = _record(origin, message, at=datetime.now(UTC))
        except (ProblemError, IdReused, SequenceReused) as error:
            problem = body_of(find_problem(error))
            told.append(problem)
            if message is not None:
                unrecorded.append(_unrecorded(origin, message, problem.code))
            continue
        recorded.append(answer.id)
        # An original that was reversed before it came is where it should be.
        if answer.reason not in (None, "already_reversed"):
            declined.append(answer)
        told.append(message_of(answer))
    record_advices(recorded, declined, unrecorded, at=datetime.now(UTC))
    return advices.AdvicesAnswer(items=told)


def _unrecorded(origin: Origin, message: messages.Transaction, code: str) -> Unrecorded:
    amount = None
    if isinstance(message, messages.Redeem | messages.Load):
        amount = Money(message.amount, message.currency)
    return Unrecorded(
        id=message.id,
        terminal_id=origin.id,
        type=message.__struct_config__.tag,  # type: ignore[arg-type]
        amount=amount,
        occurred_at=message.occurred_at,
        code=code,
    )


def _read(item: bytes) -> messages.Transaction:
    message: messages.Transaction = read_message(item, messages.Transaction)
    if isinstance(message.stand_in, msgspec.UnsetType):
        raise malformed({"stand_in": "An advice names the grant under which it was approved."})
    return message


def _record(origin: Origin, message: messages.Transaction, *, at: datetime) -> Answer:
    request = request_of(origin, message, at=at)
    assert isinstance(message.stand_in, messages.StandInProof), "read as an advice"
    grant = message.stand_in.grant
    match message:
        case messages.Redeem():
            amount = Money(message.amount, message.currency)
            return advise_redeem(request, present(message.card, at=message.occurred_at), amount, grant=grant)
        case messages.Load():
            return advise_load(
                request,
                present(message.card, at=message.occurred_at),
                Money(message.amount, message.currency),
                tender=message.tender.type,
                tender_reference=message.tender.reference or "",
                grant=grant,
            )
        case messages.Void() | messages.Reversal():
            # Whichever of the two comes first: a void too is kept until its original is there.
            return reverse(request, message.original)
        case _:
            return perform(request, message)
