"""The result of a command or a tap: the same facts for the person, the script and the receipt.

Knows entries, answers and fault codes; must not know a screen.
"""

from __future__ import annotations

from datetime import datetime
from enum import IntEnum
from typing import Any, Literal
from uuid import UUID

import msgspec

from terminals import card_steps, messages
from terminals.errors import (
    AmountError,
    AnswerUnknown,
    JournalError,
    NothingSent,
    OutcomeUnkept,
    Refused,
    StateError,
    TerminalError,
    TornTap,
)
from terminals.examination import Finding
from terminals.faults import OFFLINE_CODES, cause_of
from terminals.identifiers import rrn_of
from terminals.journal import Entry
from terminals.messages import Texts
from terminals.payloads import PayloadRefused, name_refusal

Outcome = Literal["approved", "declined", "refused", "unknown", "not_sent", "no_card", "fault"]


class Exit(IntEnum):
    """How a command ends; the table that --help shows stands in EXIT_TEXTS."""

    APPROVED = 0
    DECLINED = 1
    USAGE = 2
    UNKNOWN = 3
    NO_CARD = 4
    READER_FAULT = 5
    NOT_SENT = 6
    NOT_READY = 7


EXIT_TEXTS = {
    Exit.APPROVED: "approved, or done",
    Exit.DECLINED: "declined or refused: no money moved",
    Exit.USAGE: "wrong usage",
    Exit.UNKNOWN: "outcome unknown: kept in the journal and resolved before anything new",
    Exit.NO_CARD: "no card in time",
    Exit.READER_FAULT: "reader fault",
    Exit.NOT_SENT: "network fault: nothing was sent, no money moved",
    Exit.NOT_READY: "terminal not enrolled, locked, or driven by another agent",
}
_EXITS: dict[Outcome, Exit] = {
    "approved": Exit.APPROVED,
    "declined": Exit.DECLINED,
    "refused": Exit.DECLINED,
    "unknown": Exit.UNKNOWN,
    "not_sent": Exit.NOT_SENT,
    "no_card": Exit.NO_CARD,
    "fault": Exit.NOT_READY,
}


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it, in minor units: `amount` was asked for, `approved_amount` was granted."""

    outcome: Outcome
    code: str | None
    message: Texts
    action: Texts | None
    money_moved: messages.MoneyMoved
    retry: messages.Retry
    fix: messages.Fix | None
    type: str | None = None
    id: UUID | None = None
    rrn: str | None = None
    sequence: int | None = None
    amount: int | None = None
    approved_amount: int | None = None
    balance: int | None = None
    available: int | None = None
    currency: str | None = None
    card: messages.CardShown | None = None
    occurred_at: datetime | None = None
    detail: str | None = None
    suggested_tender: str | None = None
    key_version: int | None = None
    stand_in: bool = False
    exit: int = 0

    def as_json(self, **more: Any) -> str:
        """Write the result as one line of JSON, with more members where a command has them."""
        return msgspec.json.encode(msgspec.to_builtins(self) | more).decode()


def result_of(entry: Entry) -> Result:
    """Tell what came of a transaction."""
    if entry.answer is not None:
        return _answered(entry, entry.answer)
    if entry.state == "stand_in":
        return _approved_offline(entry)
    if entry.state == "refused":
        return _failed(entry.code or "refused", "refused", "no", entry)
    if entry.state == "cancelled" and entry.code in OFFLINE_CODES:
        return _failed(entry.code or "", "declined", "no", entry)
    if entry.state == "cancelled":
        return _failed(entry.code or "NET-SRV-01", "not_sent", "no", entry)
    return _failed(entry.code or "NET-SRV-01", "unknown", "unknown", entry)


def result_of_error(error: TerminalError) -> Result:
    """Tell what kept a command from doing anything: nothing new was written or sent."""
    if isinstance(error, AmountError):
        return _failed(error.code, "fault", "no", detail=error.detail, leave=Exit.USAGE)
    if isinstance(error, PayloadRefused):
        refused = _failed(error.code, "refused", "no", detail=error.detail)
        return msgspec.structs.replace(refused, suggested_tender=error.payload.tender)
    if isinstance(error, Refused):
        locked = error.status in {401, 403}
        return _failed(
            error.code, "refused", "no", detail=error.detail, leave=Exit.NOT_READY if locked else None
        )
    if isinstance(error, TornTap):
        return _failed(error.code, "not_sent", "no", detail=error.detail, leave=Exit.UNKNOWN)
    if isinstance(error, NothingSent | AnswerUnknown):
        return _failed(error.code, "not_sent", "no", detail=error.detail)
    if isinstance(error, OutcomeUnkept) or error.code == "SW-APP-01":
        return _failed(error.code, "unknown", "unknown", detail=error.detail)
    if isinstance(error, StateError | JournalError):
        return _failed(error.code, "fault", "no", detail=error.detail, leave=Exit.NOT_READY)
    if error.code.startswith("nothing_"):
        return _failed(error.code, "refused", "no", detail=error.detail)
    # What is left is the reader's.
    return _failed(error.code, "fault", "no", detail=error.detail, leave=Exit.READER_FAULT)


def named_for(result: Result, card: messages.Card, *, at: datetime) -> Result:
    """Name a refusal by what was presented: for a pay code that it was spent, is old, or proves nothing."""
    code = name_refusal(card, result.code, at=at)
    if code is None or code == result.code:
        return result
    cause = cause_of(code)
    return msgspec.structs.replace(
        result, code=code, message=cause.text, action=cause.action, retry=cause.retry, fix=cause.fix
    )


def with_cause(result: Result, found: Finding | None) -> Result:
    """Name a failure by the cause that the diagnosis found; whether money moved stays as it was."""
    if found is None or found.code is None:
        return result
    cause = cause_of(found.code)
    return msgspec.structs.replace(
        result,
        code=cause.code,
        message=cause.text,
        action=cause.action,
        fix=cause.fix,
        detail=found.detail.en if found.detail else result.detail,
    )


def no_card() -> Result:
    """Tell that no card came in time."""
    return _failed("no_card", "no_card", "no")


def result_of_inquiry(inquiry: messages.Inquiry) -> Result:
    """Tell a card's balance."""
    return Result(
        outcome="approved",
        code=None,
        message=Texts(en="Balance", zh="余额"),
        action=None,
        money_moved="no",
        retry="new",
        fix=None,
        type="inquiry",
        balance=inquiry.balance,
        available=inquiry.available,
        currency=inquiry.currency,
        card=messages.CardShown(number_masked=inquiry.card.number_masked, program=inquiry.card.program),
        detail=inquiry.card.state,
    )


def _approved_offline(entry: Entry) -> Result:
    return Result(
        outcome="approved",
        code=None,
        message=Texts(
            en="Approved offline: told to the site when it answers.", zh="已离线批准，联网后自动上传。"
        ),
        action=None,
        money_moved="yes",
        retry="never",
        fix=None,
        type=entry.type,
        id=entry.id,
        rrn=rrn_of(entry.id),
        sequence=entry.sequence,
        amount=entry.amount_minor,
        approved_amount=entry.amount_minor,
        currency=entry.currency,
        occurred_at=entry.occurred_at,
        stand_in=True,
    )


def result_of_personalisation(step: card_steps.CardStep) -> Result:
    """Tell that a blank became a card, with the version of its keys as it was read back."""
    version = step.key_version
    return Result(
        outcome="approved",
        code=None,
        message=Texts(
            en=f"The card is personalised: keys of version {version}, read back",
            zh=f"卡片已写入密钥（版本 {version}），并已回读核对",
        ),
        action=None,
        money_moved="no",
        retry="never",
        fix=None,
        card=step.card,
        key_version=version,
    )


def _answered(entry: Entry, answer: messages.Answer) -> Result:
    return Result(
        outcome=answer.outcome,
        code=answer.reason,
        message=answer.message,
        action=None,
        money_moved=answer.money_moved,
        retry=answer.retry,
        fix=answer.fix,
        type=entry.type,
        id=entry.id,
        rrn=answer.rrn,
        sequence=entry.sequence,
        amount=entry.amount_minor,
        approved_amount=answer.approved_amount,
        balance=answer.balance,
        available=answer.available,
        currency=answer.currency or entry.currency,
        card=answer.card,
        occurred_at=entry.occurred_at,
        exit=_EXITS[answer.outcome],
    )


def _failed(
    code: str,
    outcome: Outcome,
    money_moved: messages.MoneyMoved,
    entry: Entry | None = None,
    *,
    detail: str | None = None,
    leave: Exit | None = None,
) -> Result:
    cause = cause_of(code)
    return Result(
        outcome=outcome,
        code=code,
        message=cause.text,
        action=cause.action,
        money_moved=money_moved,
        retry="same" if outcome == "unknown" else cause.retry,
        fix=cause.fix,
        type=entry.type if entry else None,
        id=entry.id if entry else None,
        rrn=rrn_of(entry.id) if entry else None,
        sequence=entry.sequence if entry else None,
        amount=entry.amount_minor if entry else None,
        currency=entry.currency if entry else None,
        occurred_at=entry.occurred_at if entry else None,
        detail=detail,
        exit=_EXITS[outcome] if leave is None else leave,
    )
