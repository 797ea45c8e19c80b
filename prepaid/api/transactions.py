"""Transactions as terminals ask for them: a message becomes one call, and its answer a message again.

Knows messages and the calls of stored value; must not decide anything about value.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from msgspec import UnsetType

from prepaid.api.bodies import find_unshowable
from prepaid.api.problems import malformed
from prepaid.cards.presentation import present
from prepaid.keys import site_keys
from prepaid.money import Money, is_unit
from prepaid.settlement import untrusted
from prepaid.stored_value.answers import Answer
from prepaid.stored_value.decline import decline
from prepaid.stored_value.hold import capture, hold, release
from prepaid.stored_value.load import load
from prepaid.stored_value.redeem import redeem
from prepaid.stored_value.refund import refund
from prepaid.stored_value.requests import Origin, Request
from prepaid.stored_value.undo import reverse, void
from prepaid.tenders import TAKEN
from terminals import messages


def submit(origin: Origin, message: messages.Transaction, *, at: datetime) -> Answer:
    """Make the call that a message asks for and give its stored answer.

    Raises the problem `malformed`, IdReused, SequenceReused and TryAgain.
    """
    if not isinstance(message.stand_in, UnsetType):
        raise malformed({"stand_in": "What was approved offline is told as an advice."})
    answer = perform(request_of(origin, message, at=at), message)
    if answer.reason in untrusted.REASONS and isinstance(
        message, messages.Redeem | messages.Load | messages.Hold
    ):
        showing = untrusted.Showing(
            terminal_id=origin.id,
            occurred_at=message.occurred_at,
            sequence=message.sequence,
            operator=message.operator or "",
        )
        untrusted.look_at_refused(message.card, showing, at=at)
    return answer


def request_of(origin: Origin, message: messages.Transaction, *, at: datetime) -> Request:
    """Say who asks, when, and under which id and content. Raises the problem `malformed`."""
    _check(message)
    return Request(
        id=message.id,
        origin=origin,
        # Of the terminal too: another one that sends the same is told that the id is taken, and no more.
        digest=site_keys().content_digest(origin.id.bytes + messages.content_to_compare(message)),
        occurred_at=message.occurred_at,
        recorded_at=at,
        sequence=message.sequence,
        operator=message.operator or "",
        note=message.note or "",
    )


def perform(request: Request, message: messages.Transaction) -> Answer:
    """Make the call of a request that was read and checked; raises IdReused, SequenceReused and TryAgain."""
    at = request.recorded_at
    match message:
        case messages.Redeem():
            amount = Money(message.amount, message.currency)
            return redeem(request, present(message.card, at=at), amount, allow_partial=message.allow_partial)
        case messages.Load():
            return _load(request, message, at)
        case messages.Void():
            return void(request, message.original)
        case messages.Reversal():
            return reverse(request, message.original)
        case messages.Hold():
            amount = Money(message.amount, message.currency)
            expires_at = at + timedelta(seconds=message.expires_in_s)
            return hold(request, present(message.card, at=at), amount, expires_at=expires_at)
        case messages.Capture():
            return capture(request, message.original, Money(message.amount, message.currency))
        case messages.Release():
            return release(request, message.original)
        case messages.Refund():
            return refund(request, message.original, Money(message.amount, message.currency))


def _check(message: messages.Transaction) -> None:
    errors = find_unshowable({"occurred_at": message.occurred_at})
    if message.id.version != 7:
        errors["id"] = "The id is a UUIDv7 (RFC 9562), made by the caller."
    if getattr(message, "original", None) == message.id:
        errors["original"] = "The original is another transaction."
    if isinstance(message, messages.Load) and message.tender.price and not is_unit(message.currency):
        errors["tender.price"] = "Only units have a price; money is paid for with as much."
    if errors:
        raise malformed(errors)


def _load(request: Request, message: messages.Load, at: datetime) -> Answer:
    amount, presentation = Money(message.amount, message.currency), present(message.card, at=at)
    if message.tender.type not in TAKEN:
        return decline(request, "load", "type_not_allowed", presentation=presentation, amount=amount)
    reference = message.tender.reference or ""
    return load(
        request,
        presentation,
        amount,
        tender=message.tender.type,
        tender_reference=reference,
        price_minor=message.tender.price,
    )


def message_of(answer: Answer) -> messages.Answer:
    """Write a stored answer as the message that is sent, the same each time."""
    why = answer.why
    card = None
    if answer.last_four is not None and answer.program_code is not None:
        card = messages.CardShown(number_masked=f"•••• {answer.last_four}", program=answer.program_code)
    return messages.Answer(
        id=answer.id,
        rrn=answer.rrn,
        type=answer.type,  # type: ignore[arg-type]
        outcome=answer.outcome,
        reason=answer.reason,
        approved_amount=answer.approved_minor,
        currency=answer.currency,
        balance=answer.balance_minor,
        available=answer.available_minor,
        card=card,
        money_moved="yes" if answer.money_moved else "no",
        retry=why.retry,
        fix=why.fix,
        message=messages.Texts(en=why.en, zh=why.zh),
        recorded_at=answer.recorded_at.astimezone(UTC),
        hash=answer.hash,
    )
