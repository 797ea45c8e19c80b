"""What a posting would do, shown before it is committed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.db import transaction

from prepaid.stored_value.answers import Answer
from prepaid.stored_value.bonus import BonusPart, find_bonus
from prepaid.stored_value.reasons import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """As it would be: balance, available and bonus, or the reason and its sentences. Minor units."""

    balance_after_minor: int | None
    available_after_minor: int | None
    reason: str | None
    why: Reason
    bonus: list[BonusPart]


def preview(posting: Callable[[], Answer]) -> Preview:
    """Make a posting and roll it back: what is shown is decided by the very function that commits.

    Locks what the posting locks, for as long as it takes.
    """
    with transaction.atomic():
        answer = posting()
        bonus = find_bonus(answer.id) if answer.approved and answer.type == "load" else []
        transaction.set_rollback(True)
    return Preview(
        balance_after_minor=answer.balance_minor if answer.approved else None,
        available_after_minor=answer.available_minor if answer.approved else None,
        reason=answer.reason,
        why=answer.why,
        bonus=bonus,
    )
