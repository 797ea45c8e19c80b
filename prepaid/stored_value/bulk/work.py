"""What waits to be done for orders and imports, chunk by chunk, each once, whoever else does so too.

Knows which state waits for which work; must not know Celery, nor what a chunk is made of.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from django.db import Error

from prepaid.cards.models import CardImport, CardOrder
from prepaid.stored_value.bulk.imports import run_chunk, undo_chunk
from prepaid.stored_value.bulk.orders import load_chunk, make_chunk

log = logging.getLogger(__name__)
Work = tuple[Callable[..., bool], UUID]


def list_waiting() -> list[Work]:
    """List what waits, oldest first: what to call, and for which order or import."""
    orders = CardOrder.objects.filter(state__in=("approved", "funded")).order_by("ordered_at")
    imports = CardImport.objects.filter(state__in=("running", "undoing")).order_by("uploaded_at")
    return [
        *((make_chunk if order.state == "approved" else load_chunk, order.id) for order in orders),
        *((run_chunk if made.state == "running" else undo_chunk, made.id) for made in imports),
    ]


def work_off(*, now: Callable[[], datetime], may_go_on: Callable[[], bool]) -> int:
    """Do what waits, in turns, until nothing does or `may_go_on` says no; give how many chunks were done.

    Each chunk is a commit of its own, so that whoever is killed has lost one chunk, which is done again.
    What fails is left for the next time.
    """
    chunks = 0
    failed: set[UUID] = set()
    while turn := [work for work in list_waiting() if work[1] not in failed]:
        for call, bulk_id in turn:
            if not may_go_on():
                return chunks
            try:
                call(bulk_id, at=now())
                chunks += 1
            except Error:
                log.exception("bulk_chunk_failed id=%s", bulk_id)
                failed.add(bulk_id)
    return chunks
