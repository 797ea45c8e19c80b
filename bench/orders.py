"""An order of many cards, as one job does it: how many cards a second are made, loaded and taken back.

Knows how to order; what is done for it, the site decides.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


def measure_orders(quantity: int) -> None:
    """Order, make and load cards, then take a tenth back; print how long each took."""
    from django.contrib.auth.models import User
    from django.utils import timezone

    from prepaid.cards.models import Program
    from prepaid.identifiers import uuid7
    from prepaid.keys import site_keys
    from prepaid.stored_value.approvals.bulk import ask_for_order
    from prepaid.stored_value.bulk import orders
    from prepaid.stores.models import Staff, Till
    from prepaid.stores.opening import open_store

    site_keys()
    store = open_store("BULK", "Bulk", currency="CNY", tills=["Office"])
    program = Program.objects.create(
        code="BULK",
        name="Bulk",
        currency="CNY",
        allowed_credentials=["sun", "number", "qr"],
        bulk_issue_alone_max=None,
    )
    till = Till.objects.get(store=store)
    user = User.objects.create(username="bench-bulk")
    staff = Staff.objects.create(user=user, store=store, till=till, code="bench-bulk", role="manager")
    now = timezone.now
    values: dict[str, Any] = {"tender": "bank_transfer", "buyer_name": "Harbour Ltd", "by": "bench"}
    order = orders.order_cards(
        order_id=uuid7(),
        program=program,
        till=till,
        quantity=quantity,
        amount_each=10_000,
        at=now(),
        **values,
    )
    ask_for_order(order.id, approval_id=uuid7(), staff=staff, reason="bench", at=now())
    made = _tell("made", quantity, lambda: _all(lambda: orders.make_chunk(order.id, at=now())))
    orders.record_funds(order.id, reference="bench", by="bench", at=now())
    loaded = _tell("loaded", quantity, lambda: _all(lambda: orders.load_chunk(order.id, at=now())))
    print(f"{quantity:,} cards made and loaded in {made + loaded:.1f} s.", flush=True)
    some = list(range(1, quantity // 10 + 1))
    _tell(
        "taken back",
        len(some),
        lambda: orders.recall(order.id, some, reason="bench", by="bench", at=now()),
    )


def _all(chunk: Callable[[], bool]) -> None:
    while chunk():
        pass


def _tell(what: str, count: int, call: Callable[[], object]) -> float:
    started = time.monotonic()
    call()
    took_s = time.monotonic() - started
    print(f"{count:,} {what} in {took_s:.1f} s: {count / took_s:,.0f} a second.", flush=True)
    return took_s
