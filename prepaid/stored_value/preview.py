"""What a load or a redeem would do, shown before it is committed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.db import transaction

from prepaid.stored_value.answers import Answer
from prepaid.stored_value.reasons import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """The outcome as it would be: balance after, or the reason why not, with its sentences. Minor units."""

    balance_after_minor: int | None
    reason: str | None
    why: Reason


def preview(posting: Callable[[], Answer]) -> Preview:
    """Make a posting and roll it back: what is shown is decided by the very function that commits.

    Locks what the posting locks, for as long as it takes.
    """
    with transaction.atomic():
        answer = posting()
        transaction.set_rollback(True)
    return Preview(
        balance_after_minor=answer.balance_minor if answer.approved else None,
        reason=answer.reason,
        why=answer.why,
    )
