"""Ask, approve, refuse, expire: each in one commit, carried out exactly once.

Knows the order of the steps; the database decides who was first and who may.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import psycopg
from django.db import transaction

from prepaid.ledger.errors import IdReused
from prepaid.stored_value.answers import Answer
from prepaid.stored_value.approvals.errors import (
    AlreadyAsked,
    AlreadyDecided,
    ApprovalError,
    ApprovalExpired,
    ApprovalNotFound,
    ReasonMissing,
    RoleLacking,
    SelfApproval,
)
from prepaid.stored_value.approvals.kinds import kind_of
from prepaid.stored_value.approvals.models import Approval
from prepaid.stored_value.approvals.payloads import OfProgram, Payload, RuleChange
from prepaid.stored_value.calls import fetch
from prepaid.stores.models import Staff

# Long enough for the other manager's next shift, short enough that what was true then is remembered.
OPEN_FOR = timedelta(hours=48)
EXPIRED_MAX = 500
REASON_LENGTH_MAX = 200
_NAMES = [field.attname for field in Approval._meta.concrete_fields]
_COLUMNS = ", ".join(_NAMES)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it stands after asking or deciding, and the answer where value was asked to move."""

    approval: Approval
    answer: Answer | None = None

    @property
    def is_pending(self) -> bool:
        """Say whether a second person has still to decide."""
        return self.approval.verdict is None

    @property
    def is_executed(self) -> bool:
        """Say whether it was carried out."""
        return self.approval.outcome == "executed"


@dataclass(frozen=True, slots=True)
class Need:
    """Up to what a manager does it alone (minor units, None: no bound), and whether two are needed."""

    alone_max_minor: int | None
    second_needed: bool


def foresee(asked: Payload, *, staff: Staff) -> Need:
    """Say before asking whether a second person is needed, by the function that decides it. Locks nothing."""
    kind = kind_of(asked)
    row = fetch(
        "select need.alone_max, need.second_needed from stored_value_second_needed(%s::text, %s::bigint, "
        "coalesce(%s::uuid, (select program_id from cards_card where id = %s::uuid)), %s::bigint) as need",
        [kind.code, kind.amount(asked), _program_of(asked), _card_of(asked), staff.user_id],
    )
    assert row is not None, "the function gives one row"
    return Need(row[0], row[1])


def ask(
    asked: Payload,
    *,
    approval_id: UUID,
    transaction_id: UUID,
    staff: Staff,
    reason: str,
    at: datetime,
) -> Asked:
    """Ask for something; where one person suffices it is carried out in the same commit, and kept as well.

    Both ids are made by the caller; a repeat gives the request as it stands. Locks what the act locks.
    Raises ReasonMissing, RoleLacking, AlreadyAsked, IdReused, TryAgain.
    """
    kind, reason = kind_of(asked), reason.strip()[:REASON_LENGTH_MAX]
    if not reason:
        raise ReasonMissing("Write why. Nothing was asked.")
    if staff.role not in kind.asked_by:
        raise RoleLacking("A manager asks for this. Nothing was asked.")
    with transaction.atomic():
        approval = _ask(
            [
                approval_id,
                kind.code,
                kind.amount(asked),
                getattr(asked, "currency", None),
                _card_of(asked),
                _program_of(asked),
                staff.store_id,
                staff.till_id,
                msgspec.json.encode(asked).decode(),
                reason,
                transaction_id,
                staff.user_id,
                at,
                at + OPEN_FOR,
            ]
        )
        if approval.second_needed or approval.verdict is not None:
            return Asked(approval)
        return _decide_and_carry_out(approval.id, "alone", staff=staff, reason="", at=at)


def approve(approval_id: UUID, *, staff: Staff, at: datetime, reason: str = "") -> Asked:
    """Approve as the second person, and carry it out in the same commit.

    Locks the approval, then what carrying it out locks. Raises ApprovalNotFound, SelfApproval, RoleLacking,
    ApprovalExpired, AlreadyDecided; then nothing moved. Raises IdReused, TryAgain: it is pending as before.
    """
    with transaction.atomic():
        return _decide_and_carry_out(approval_id, "approved", staff=staff, reason=reason, at=at)


def refuse(approval_id: UUID, *, staff: Staff, reason: str, at: datetime) -> Approval:
    """Refuse, as any manager, or take back what one asked oneself. Locks the approval.

    Raises ReasonMissing, ApprovalNotFound, RoleLacking, ApprovalExpired, AlreadyDecided.
    """
    if not reason.strip():
        raise ReasonMissing("Write why it is refused. Nothing was changed.")
    return _decide(approval_id, "refused", staff=staff, reason=reason, at=at)


def expire_approvals(at: datetime) -> int:
    """Close what nobody decided in time, at most 500, and count it; one under decision is left alone."""
    row = fetch("select stored_value_expire_approvals(%s::timestamptz, %s::integer)", [at, EXPIRED_MAX])
    assert row is not None, "the function gives one row"
    return int(row[0])


def _decide_and_carry_out(
    approval_id: UUID, verdict: str, *, staff: Staff, reason: str, at: datetime
) -> Asked:
    approval = _decide(approval_id, verdict, staff=staff, reason=reason, at=at)
    asked = approval.asked
    carried = kind_of(asked).carry_out(approval, asked, at=at)
    concluded = _row(
        f"select {_COLUMNS} from stored_value_conclude_approval(%s::uuid, %s::text)",
        [approval_id, carried.reason],
    )
    assert concluded is not None, "the row is locked since it was decided"
    return Asked(concluded, carried.answer)


def _ask(values: list[Any]) -> Approval:
    try:
        approval = _row(
            f"select {_COLUMNS} from stored_value_ask_approval(%s::uuid, %s::text, %s::bigint, %s::text, "
            "%s::uuid, %s::uuid, %s::uuid, %s::uuid, %s::jsonb, %s::text, %s::uuid, %s::bigint, "
            "%s::timestamptz, %s::timestamptz)",
            values,
        )
    except psycopg.errors.UniqueViolation as error:
        raise AlreadyAsked("This is asked for already, and waits for a decision.") from error
    except psycopg.Error as error:
        if error.sqlstate == "PC001":
            raise IdReused(values[0]) from error
        raise
    assert approval is not None, "the function gives the row that stands"
    return approval


def _decide(approval_id: UUID, verdict: str, *, staff: Staff, reason: str, at: datetime) -> Approval:
    decided = _row(
        f"select {_COLUMNS} from stored_value_decide_approval(%s::uuid, %s::text, %s::bigint, %s::text, "
        "%s::timestamptz)",
        [approval_id, verdict, staff.user_id, reason.strip()[:REASON_LENGTH_MAX], at],
    )
    if decided is None:
        raise _why_not(approval_id, verdict, staff=staff, at=at)
    return decided


def _why_not(approval_id: UUID, verdict: str, *, staff: Staff, at: datetime) -> ApprovalError:
    """Find out why a decision was not taken: the row says it."""
    found = Approval.objects.filter(pk=approval_id).first()
    if found is None:
        return ApprovalNotFound("There is no such request.")
    if found.verdict == "expired" or (found.verdict is None and found.expires_at <= at):
        return ApprovalExpired("Nobody decided in time. Ask for it again; nothing was changed.")
    if found.verdict is not None:
        return AlreadyDecided("Somebody decided this before. Nothing was changed.")
    if verdict == "approved" and found.asked_by_user == staff.user_id:
        return SelfApproval("Who asks does not approve. Nothing was changed.")
    return RoleLacking("A manager decides this. Nothing was changed.")


def _row(sql: str, values: list[Any]) -> Approval | None:
    row = fetch(sql, values)
    if row is None:
        return None
    values_by_name = dict(zip(_NAMES, row, strict=True))
    return Approval(**values_by_name | {"payload": msgspec.json.decode(values_by_name["payload"])})


def _card_of(asked: Payload) -> UUID | None:
    return None if isinstance(asked, RuleChange | OfProgram) else asked.card_id


def _program_of(asked: Payload) -> UUID | None:
    return asked.program_id if isinstance(asked, OfProgram) else None
