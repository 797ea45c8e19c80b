"""Orders of many cards under two-person control: asked for, given up with what was asked, and found again.

Knows the order's terms and its requests; how an order is led on, the room of orders decides.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db import transaction

from prepaid.cards.models import CardOrder
from prepaid.stored_value.approvals.errors import AlreadyDecided, ApprovalExpired
from prepaid.stored_value.approvals.models import Approval
from prepaid.stored_value.approvals.payloads import BulkIssue
from prepaid.stored_value.approvals.service import Asked, ask, expire_approvals, refuse
from prepaid.stored_value.bulk.orders import cancel_order, refuse_unready
from prepaid.stores.models import Staff


def bulk_issue_of(order: CardOrder) -> BulkIssue:
    """Write down what an order asks for. Minor units."""
    return BulkIssue(
        order_id=order.id,
        program_id=order.program_id,
        quantity=order.quantity,
        amount_each_minor=order.amount_each,
        total_minor=order.total_minor,
        currency=order.program.currency,
        buyer_name=order.buyer_name,
    )


def ask_for_order(order_id: UUID, *, approval_id: UUID, staff: Staff, reason: str, at: datetime) -> Asked:
    """Ask for a drafted order to be made; where one manager suffices it is approved in the same commit.

    The id is made by the caller; a repeat gives the request as it stands. Locks the order it approves.
    Raises BulkRefused, RuleRefused, and as `ask`.
    """
    order = CardOrder.objects.select_related("program", "buyer").get(pk=order_id)
    if not Approval.objects.filter(pk=approval_id).exists():
        refuse_unready(order, at=at)
        # One whose time is over stands in the way of no new one.
        expire_approvals(at)
    return ask(
        bulk_issue_of(order),
        approval_id=approval_id,
        # Nothing is posted under it.
        transaction_id=approval_id,
        staff=staff,
        reason=reason,
        at=at,
    )


def give_up_order(order_id: UUID, *, staff: Staff, reason: str, at: datetime) -> CardOrder:
    """Cancel a drafted order, and refuse what was asked for it. Locks the approval, then the order.

    Raises BulkRefused where it was approved meanwhile, ReasonMissing, RoleLacking.
    """
    with transaction.atomic():
        waiting = _list_pending_of([order_id], at)
        for approval in waiting:
            try:
                refuse(approval.id, staff=staff, reason=reason, at=at)
            except (AlreadyDecided, ApprovalExpired):
                # Whether it may still be cancelled, the order's own state says.
                break
        return cancel_order(order_id, by=staff.code, at=at)


def find_request_of(order_id: UUID) -> Approval | None:
    """Find what was asked last for an order."""
    found = Approval.objects.filter(kind="bulk_issue", payload__order_id=str(order_id))
    return found.order_by("-asked_at", "-id").first()


def list_waiting(order_ids: Iterable[UUID], at: datetime) -> set[UUID]:
    """List those orders that wait for a second person."""
    return {UUID(each.payload["order_id"]) for each in _list_pending_of(order_ids, at)}


def _list_pending_of(order_ids: Iterable[UUID], at: datetime) -> list[Approval]:
    asked = [str(each) for each in order_ids]
    pending = Approval.objects.filter(kind="bulk_issue", verdict=None, expires_at__gt=at)
    return list(pending.filter(payload__order_id__in=asked))
