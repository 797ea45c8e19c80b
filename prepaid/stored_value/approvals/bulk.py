"""Orders and imports under two-person control: asked for, given up with what was asked, and found again.

Knows their terms and their requests; how one is led on, the room of orders and imports decides.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet

from prepaid.cards.models import CardImport, CardOrder
from prepaid.stored_value.approvals.errors import AlreadyDecided, ApprovalExpired
from prepaid.stored_value.approvals.models import Approval
from prepaid.stored_value.approvals.payloads import BulkImport, BulkIssue
from prepaid.stored_value.approvals.service import Asked, ask, expire_approvals, refuse
from prepaid.stored_value.bulk.imports import refuse_unchecked
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
    return _ask(bulk_issue_of(order), approval_id, staff=staff, reason=reason, at=at)


def bulk_import_of(made: CardImport) -> BulkImport:
    """Write down what an import would bring in. Minor units."""
    return BulkImport(
        import_id=made.id,
        program_id=made.program_id,
        quantity=made.quantity,
        paid_minor=made.paid_minor,
        bonus_minor=made.bonus_minor,
        currency=made.program.currency,
        file_name=made.file_name,
    )


def ask_for_import(import_id: UUID, *, approval_id: UUID, staff: Staff, reason: str, at: datetime) -> Asked:
    """Ask for a checked import to be run; where one manager suffices it is started in the same commit.

    The id is made by the caller; a repeat gives the request as it stands. Locks the import it starts.
    Raises BulkRefused, RuleRefused, and as `ask`.
    """
    made = CardImport.objects.select_related("program").get(pk=import_id)
    if not Approval.objects.filter(pk=approval_id).exists():
        refuse_unchecked(made, at=at)
    return _ask(bulk_import_of(made), approval_id, staff=staff, reason=reason, at=at)


def give_up_order(order_id: UUID, *, staff: Staff, reason: str, at: datetime) -> CardOrder:
    """Cancel a drafted order, and refuse what was asked for it. Locks the approval, then the order.

    Raises BulkRefused where it was approved meanwhile, ReasonMissing, RoleLacking.
    """
    with transaction.atomic():
        for approval in _pending_of([order_id], at):
            try:
                refuse(approval.id, staff=staff, reason=reason, at=at)
            except (AlreadyDecided, ApprovalExpired):
                # Whether it may still be cancelled, the order's own state says.
                break
        return cancel_order(order_id, by=staff.code, at=at)


def bulk_id_of(asked: BulkIssue | BulkImport) -> UUID:
    """Give the order or import that is asked for."""
    return asked.order_id if isinstance(asked, BulkIssue) else asked.import_id


def find_request_of(bulk_id: UUID) -> Approval | None:
    """Find what was asked last for an order or import."""
    return _requests_of([bulk_id]).order_by("-asked_at", "-id").first()


def list_waiting(bulk_ids: Iterable[UUID], at: datetime) -> set[UUID]:
    """List those orders and imports that wait for a second person."""
    asked = (each.asked for each in _pending_of(bulk_ids, at))
    return {bulk_id_of(each) for each in asked if isinstance(each, BulkIssue | BulkImport)}


def _ask(
    asked: BulkIssue | BulkImport, approval_id: UUID, *, staff: Staff, reason: str, at: datetime
) -> Asked:
    # One whose time is over stands in the way of no new one.
    expire_approvals(at)
    # Nothing is posted under the id of the transaction.
    return ask(asked, approval_id=approval_id, transaction_id=approval_id, staff=staff, reason=reason, at=at)


def _pending_of(bulk_ids: Iterable[UUID], at: datetime) -> QuerySet[Approval]:
    return _requests_of(bulk_ids).filter(verdict=None, expires_at__gt=at)


def _requests_of(bulk_ids: Iterable[UUID]) -> QuerySet[Approval]:
    asked = [str(each) for each in bulk_ids]
    return Approval.objects.filter(
        Q(kind="bulk_issue", payload__order_id__in=asked)
        | Q(kind="bulk_import", payload__import_id__in=asked)
    )
