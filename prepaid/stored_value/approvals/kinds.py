"""What needs a second person: one table of kinds, who may ask, by which amount, and how it is carried out.

The program's amount of a kind is its term `<code>_alone_max`; a second person is always a manager.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from prepaid.stored_value.approvals import executing
from prepaid.stored_value.approvals.payloads import (
    Adjust,
    BulkImport,
    BulkIssue,
    CardReturn,
    LimitChange,
    Payload,
    ProgramChange,
    RefundUnlinked,
    RuleChange,
    Unblock,
)
from prepaid.stores.models import Staff

Role = Staff.Role
# A limit that is taken away is above every amount that could be set.
NO_LIMIT_MINOR = 10**15


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind: `asked_by` are the roles that may ask, `amount` what is compared with the program's amount."""

    code: str
    payload: type[Payload]
    asked_by: tuple[Role, ...]
    amount: Callable[[Any], int]
    carry_out: Callable[..., executing.Carried]


ANYBODY, MANAGERS = (Role.CASHIER, Role.MANAGER), (Role.MANAGER,)

KINDS = (
    Kind(
        code="adjust",
        payload=Adjust,
        asked_by=ANYBODY,
        amount=lambda asked: asked.amount_minor,
        carry_out=executing.carry_out_adjust,
    ),
    Kind(
        code="refund_unlinked",
        payload=RefundUnlinked,
        asked_by=ANYBODY,
        amount=lambda asked: asked.amount_minor,
        carry_out=executing.carry_out_refund,
    ),
    Kind(
        code="unblock",
        payload=Unblock,
        asked_by=ANYBODY,
        amount=lambda asked: asked.balance_minor,
        carry_out=executing.carry_out_unblock,
    ),
    Kind(
        code="limit_change",
        payload=LimitChange,
        asked_by=MANAGERS,
        amount=lambda asked: NO_LIMIT_MINOR if asked.after_minor is None else asked.after_minor,
        carry_out=executing.carry_out_limit_change,
    ),
    # Every change of a rule or of terms is decided by two: what it is worth cannot be told from its value.
    Kind(
        code="program_change",
        payload=ProgramChange,
        asked_by=MANAGERS,
        amount=lambda asked: 0,
        carry_out=executing.carry_out_program_change,
    ),
    Kind(
        code="rule_change",
        payload=RuleChange,
        asked_by=MANAGERS,
        amount=lambda asked: 0,
        carry_out=executing.carry_out_rule_change,
    ),
    Kind(
        code="card_return",
        payload=CardReturn,
        asked_by=MANAGERS,
        amount=lambda asked: asked.total_minor,
        carry_out=executing.carry_out_card_return,
    ),
    Kind(
        code="bulk_issue",
        payload=BulkIssue,
        asked_by=MANAGERS,
        amount=lambda asked: asked.total_minor,
        carry_out=executing.carry_out_bulk_issue,
    ),
    Kind(
        code="bulk_import",
        payload=BulkImport,
        asked_by=MANAGERS,
        amount=lambda asked: asked.total_minor,
        carry_out=executing.carry_out_bulk_import,
    ),
)
_BY_PAYLOAD = {kind.payload: kind for kind in KINDS}


def kind_of(asked: Payload) -> Kind:
    """Give the table's row of what is asked."""
    return _BY_PAYLOAD[type(asked)]
