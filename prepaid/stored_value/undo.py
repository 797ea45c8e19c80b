"""Undo: void by the cashier before the batch closes, reversal by a terminal that never got its answer."""

from __future__ import annotations

from uuid import UUID

from prepaid.stored_value.answers import Answer
from prepaid.stored_value.calls import transact
from prepaid.stored_value.requests import Request


def void(request: Request, original: UUID) -> Answer:
    """Undo a known load or redeem whole: a terminal its own, a till any of its store. Locks the account."""
    return _undo(request, "void", original)


def reverse(request: Request, original: UUID) -> Answer:
    """Undo an own transaction whose answer never came, seen or not; safe to repeat. Locks the account."""
    return _undo(request, "reversal", original)


def _undo(request: Request, kind: str, original: UUID) -> Answer:
    return transact(
        "stored_value_undo",
        request,
        [kind, original, request.origin.kind == "terminal", request.origin.closed_through_sequence],
        placeholders="%s::text, %s::uuid, %s::boolean, %s::bigint",
    )
