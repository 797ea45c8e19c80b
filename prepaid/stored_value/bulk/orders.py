"""Orders of many cards: asked for, approved, made, paid, loaded; and taken back in part.

Knows the states of an order and who moved it; must not know screens, nor who may approve (that stands above).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction

from prepaid.cards.models import CardOrder, Holder, Program
from prepaid.cards.rules.in_force import RuleRefused, asks_identity_at_any_load, refuse_terms
from prepaid.stored_value.bulk.errors import BulkRefused
from prepaid.stored_value.bulk.lines import (
    CHUNK_LINES,
    Line,
    load_lines,
    make_lines,
    record,
    request_of,
    stage,
    take_back_lines,
)
from prepaid.stored_value.issue import expiry_of_new_card
from prepaid.stored_value.requests import Origin, origin_of_till
from prepaid.stores.models import Till

State = CardOrder.State
# A new number may be another card's; then the chunk's numbers are drawn again.
DRAWS_MAX = 3
TAKE_BACK_LINES = 500


def order_cards(
    *,
    order_id: UUID,
    program: Program,
    till: Till,
    quantity: int,
    amount_each: int,
    tender: str,
    buyer_name: str,
    by: str,
    at: datetime,
    buyer: Holder | None = None,
    buyer_phone: str = "",
    agent_name: str = "",
    reference: str = "",
    note: str = "",
) -> CardOrder:
    """Draft an order; nothing is made yet. Minor units. `order_id` is the caller's: a repeat gives the order.

    Raises RuleRefused where the rules in force forbid the program's terms, or ask for the buyer's identity.
    """
    origin = origin_of_till(till)
    _refuse_by_rules(program, buyer, origin, at)
    values = {
        "program": program,
        "store_id": till.store_id,
        "till_id": till.id,
        "buyer": buyer,
        "buyer_name": buyer_name,
        "buyer_phone": buyer_phone,
        "agent_name": agent_name,
        "quantity": quantity,
        "amount_each": amount_each,
        "tender": tender,
        "reference": reference,
        "note": note,
        "ordered_by": by,
        "ordered_at": at,
    }
    with transaction.atomic():
        order, made = CardOrder.objects.get_or_create(id=order_id, defaults=values)
        if made:
            record(order_id, "order", by=by, at=at)
    return order


def approve_order(order_id: UUID, *, by: str, at: datetime) -> CardOrder:
    """Let a drafted order be made, as its approval is carried out; without one the table refuses (ADR 0071).

    Raises RuleRefused, as the rules stand now, and BulkRefused.
    """
    order = CardOrder.objects.select_related("program", "buyer").get(pk=order_id)
    refuse_unready(order, at=at)
    return _lead(order_id, State.DRAFT, State.APPROVED, "approve", by=by, at=at)


def refuse_unready(order: CardOrder, *, at: datetime) -> None:
    """Raise BulkRefused where an order is no draft any more, RuleRefused where a rule stands against it."""
    if order.state != State.DRAFT:
        raise BulkRefused(f"The order is {order.state}, not draft.", state=order.state)
    _refuse_by_rules(order.program, order.buyer, origin_of_order(order), at)


def cancel_order(order_id: UUID, *, by: str, at: datetime) -> CardOrder:
    """Give a drafted order up. Raises BulkRefused."""
    return _lead(order_id, State.DRAFT, State.CANCELLED, "cancel", by=by, at=at)


def record_funds(order_id: UUID, *, reference: str, by: str, at: datetime) -> CardOrder:
    """Record that an order's money came in, so that its cards are loaded. Raises BulkRefused."""
    changed = {"funded_at": at} | ({"reference": reference} if reference else {})
    return _lead(order_id, State.MADE, State.FUNDED, "funds", by=by, at=at, note=reference, **changed)


def origin_of_order(order: CardOrder) -> Origin:
    """Give the till that asked, as the origin of an order's postings."""
    return origin_of_till(Till.objects.select_related("store").get(pk=order.till_id))


def make_chunk(order_id: UUID, *, at: datetime) -> bool:
    """Make the next cards of an approved order in one commit; say whether more are to be made.

    Safe to repeat and beside itself: the order's row is locked, and says how far it is.
    """
    for draw in range(DRAWS_MAX):
        try:
            with transaction.atomic():
                return _make_chunk(order_id, at)
        except IntegrityError:
            if draw == DRAWS_MAX - 1:
                raise
    raise AssertionError("unreachable")


def _make_chunk(order_id: UUID, at: datetime) -> bool:
    order = CardOrder.objects.select_for_update().get(pk=order_id)
    if order.state != State.APPROVED:
        return False
    program, origin = order.program, origin_of_order(order)
    first, last = order.made_count + 1, min(order.made_count + CHUNK_LINES, order.quantity)
    stage(order_id, program, (Line(line=no, paid_minor=order.amount_each) for no in range(first, last + 1)))
    make_lines(
        order_id,
        program,
        (first, last),
        holder_id=order.buyer_id,
        store_id=order.store_id,
        expires_on=expiry_of_new_card(program, origin, at),
        by=order.ordered_by,
        at=at,
    )
    whole = last == order.quantity
    changed = {"state": State.MADE, "made_at": at} if whole else {}
    CardOrder.objects.filter(pk=order_id).update(made_count=last, **changed)
    if whole:
        record(order_id, "made", by="jobs", at=at)
    return not whole


def load_chunk(order_id: UUID, *, at: datetime) -> bool:
    """Activate and load the next cards of a paid order in one commit; say whether more are to be loaded.

    Safe to repeat and beside itself. Locks the order's row, then cards and accounts.
    """
    with transaction.atomic():
        order = CardOrder.objects.select_for_update().get(pk=order_id)
        if order.state != State.FUNDED:
            return False
        span = (order.loaded_count + 1, min(order.loaded_count + CHUNK_LINES, order.quantity))
        request = request_of(order.load_id, origin=origin_of_order(order), by=order.ordered_by, at=at)
        load_lines(
            request,
            order_id,
            order.program,
            span,
            kind="load",
            tender=order.tender,
            reference=order.reference,
        )
        whole = span[1] == order.quantity
        changed = {"state": State.ACTIVATED} if whole else {}
        CardOrder.objects.filter(pk=order_id).update(loaded_count=span[1], **changed)
        if whole:
            record(order_id, "activated", by="jobs", at=at)
        return not whole


def recall(
    order_id: UUID,
    lines: list[int],
    *,
    reason: str,
    by: str,
    at: datetime,
    told: Callable[[int], None] = lambda done: None,
) -> int:
    """Take back those cards of an order that were not used: value to the tender, cards closed.

    Gives how many came back; each line says 'taken_back' or 'used' afterwards. Commits every 500 cards, and a
    repeat takes back the rest.
    Raises BulkRefused while the order's cards are being made or loaded.
    """
    order = CardOrder.objects.select_related("program").get(pk=order_id)
    back = 0
    for start in range(0, len(lines), TAKE_BACK_LINES):
        with transaction.atomic():
            now = CardOrder.objects.select_for_update().get(pk=order_id)
            if now.state not in (State.MADE, State.ACTIVATED):
                raise BulkRefused("Cards are taken back when all are made or loaded.", state=now.state)
            request = request_of(order.recall_id, origin=origin_of_order(order), by=by, at=at, note=reason)
            part = lines[start : start + TAKE_BACK_LINES]
            back += take_back_lines(
                request, order_id, part, base=order.load_id, kind="load", frees=False, reason=reason
            )
            if start + TAKE_BACK_LINES >= len(lines):
                record(order_id, "recall", by=by, at=at, note=f"{back}/{len(lines)} {reason}")
        told(back)
    return back


def _lead(
    order_id: UUID,
    before: State,
    after: State,
    change: str,
    *,
    by: str,
    at: datetime,
    note: str = "",
    **changed: object,
) -> CardOrder:
    """Lead an order from one state to the next, once."""
    with transaction.atomic():
        led = CardOrder.objects.filter(pk=order_id, state=before).update(state=after, **changed)
        order = CardOrder.objects.select_related("program").get(pk=order_id)
        if not led:
            raise BulkRefused(f"The order is {order.state}, not {before.value}.", state=order.state)
        record(order_id, change, by=by, at=at, note=note)
    return order


def _refuse_by_rules(program: Program, buyer: Holder | None, origin: Origin, at: datetime) -> None:
    on = origin.business_date_at(at)
    refuse_terms(program, on)
    rule = asks_identity_at_any_load(program.rule_set_id, on)
    if rule is not None and (buyer is None or buyer.identified_at is None):
        raise RuleRefused(rule)
