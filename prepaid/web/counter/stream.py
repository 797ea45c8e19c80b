"""Taps at the paired terminal, told to the open counter: a stream, and a poll for when the stream is cut.

Knows server-sent events; must not know what a tap leads to.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from uuid import UUID

from django.db import connection
from django.http import HttpResponse, JsonResponse, StreamingHttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from prepaid.cards.models import Card
from prepaid.ledger.models import LedgerAnswer
from prepaid.stores.models import Tap
from prepaid.stores.taps import SeenTap, listen_taps
from prepaid.web.access import Place, StaffRequest, at_a_till

KEEP_ALIVE_S = 1.0
# The browser connects again by itself; a stream whose end nobody noticed holds its thread no longer.
STREAM_S_MAX = 600.0
# A sequence of the terminal, and the card.
Posting = tuple[int, UUID | None]
NO_POSTING: Posting = (0, None)


@never_cache
@require_GET
@at_a_till
def taps(request: StaffRequest, place: Place) -> HttpResponse | StreamingHttpResponse:
    """Stream the taps at the till's terminal."""
    terminal_id = place.till.terminal_id
    if terminal_id is None:
        return HttpResponse(status=204)
    seen = request.headers.get("Last-Event-ID") or request.GET.get("after", "")
    stream = _events(terminal_id, int(seen) if seen.isdecimal() else None)
    response = StreamingHttpResponse(stream, content_type="text/event-stream")
    response["X-Accel-Buffering"] = "no"
    return response


@never_cache
@require_GET
@at_a_till
def latest_tap(request: StaffRequest, place: Place) -> HttpResponse:
    """Tell the newest tap after the one that the counter knows; 204 where there is none."""
    after = request.GET.get("after", "")
    newest = _newest_tap(place)
    known = int(after) if after.isdecimal() else 0
    if newest is None or newest.id <= known:
        return HttpResponse(status=204)
    tap = SeenTap(
        id=newest.id,
        terminal_id=newest.terminal_id,
        card_id=newest.card_id,
        method=newest.method,
        at=newest.at,
    )
    return JsonResponse(_told(tap))


def last_tap_id(place: Place) -> int:
    """Give the newest tap's id, so that an opened screen is told only of those that come after."""
    newest = _newest_tap(place)
    return newest.id if newest else 0


def _newest_tap(place: Place) -> Tap | None:
    terminal_id = place.till.terminal_id
    if terminal_id is None:
        return None
    return Tap.objects.filter(terminal_id=terminal_id).order_by("-id").first()


def _events(terminal_id: UUID, after_id: int | None) -> Iterator[str]:
    until = time.monotonic() + STREAM_S_MAX
    yield "retry: 1000\n\n"
    known = _newest_posting(terminal_id)
    for tap in listen_taps(terminal_id, after_id=after_id, keep_alive_s=KEEP_ALIVE_S):
        told = _told(tap) if tap else None
        newest = _newest_posting(terminal_id, known)
        # The stream lasts for hours; the thread's own connection goes back after each look.
        if not connection.in_atomic_block:
            connection.close()
        if tap:
            yield f"id: {tap.id}\nevent: tap\ndata: {json.dumps(told)}\n\n"
        if newest != known:
            yield f"event: posted\ndata: {json.dumps({'card': str(newest[1])})}\n\n"
        elif not tap:
            yield ": still here\n\n"
        known = newest
        if time.monotonic() > until:
            return


def _newest_posting(terminal_id: UUID, known: Posting = NO_POSTING) -> Posting:
    """Give the last sale with a card at the terminal: the known one, where none came after it.

    A sale is one call and no tap: it is looked for here, so that it costs its own commit nothing.
    """
    answers = LedgerAnswer.objects.filter(
        origin_id=terminal_id, sequence__gt=known[0], outcome="approved", presented_id__isnull=False
    )
    newest = answers.order_by("-sequence").first()
    return (newest.sequence or 0, newest.presented_id) if newest else known


def _told(tap: SeenTap) -> dict[str, object]:
    last_four = ""
    if tap.card_id is not None:
        last_four = Card.objects.filter(pk=tap.card_id).values_list("last_four", flat=True).first() or ""
    return {
        "id": tap.id,
        "card": str(tap.card_id) if tap.card_id else None,
        "last_four": last_four,
        "verified": tap.method in ("sun", "token"),
    }
