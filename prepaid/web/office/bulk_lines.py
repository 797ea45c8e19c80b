"""The lines of orders and imports as the office reads them, and what it does with both alike.

Knows words, tones and pages; what a line went through, stored value decides.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from prepaid.cards.models import BulkEvent, BulkLine
from prepaid.ledger.models import LedgerAccount
from prepaid.reports.exports import BYTE_ORDER_MARK, safe
from prepaid.stored_value.bulk.batch_file import LockRefused, fetch_batch_file
from prepaid.stored_value.bulk.errors import BatchFileGone
from prepaid.stored_value.reasons import reason_of
from prepaid.stores.models import Staff, Till
from prepaid.web.named import reads_chinese

LINES_PER_PAGE = 50
LINES_AT_ONCE_MAX = 5_000
OUTCOMES: dict[str, tuple[str | Promise, str]] = {
    "": (gettext_lazy("Waiting"), ""),
    "loaded": (pgettext_lazy("line of an order", "Loaded"), "good"),
    "taken_back": (gettext_lazy("Taken back"), ""),
    "used": (gettext_lazy("Used, so it stays"), "warn"),
    "taken": (gettext_lazy("The number was taken"), "bad"),
}
CHANGES: dict[str, str | Promise] = {
    "order": gettext_lazy("Ordered"),
    "approve": gettext_lazy("Approved"),
    "cancel": gettext_lazy("Cancelled"),
    "made": gettext_lazy("All cards made"),
    "fetch": gettext_lazy("Batch file fetched"),
    "funds": gettext_lazy("Money came in"),
    "activated": gettext_lazy("All lines loaded"),
    "recall": gettext_lazy("Cards taken back"),
    "check": gettext_lazy("File checked"),
    "run": gettext_lazy("Started"),
    "done": gettext_lazy("All lines brought in"),
    "undo": gettext_lazy("Undo started"),
    "undone": gettext_lazy("Undone"),
}


@dataclass(frozen=True, slots=True)
class ShownLine:
    """A line as it is read; `why` is the sentence of a refusal, `balance_minor` what is on the card now."""

    line: BulkLine
    state: str | Promise
    tone: str
    why: str
    balance_minor: int | None


def page_of_lines(bulk_id: UUID, wanted: str, number: str | None) -> tuple[list[ShownLine], Page[Any]]:
    """Give a page of an order's or import's lines: all, or those that are not as they should be."""
    lines = list_lines(bulk_id, wanted)
    page = Paginator(lines, LINES_PER_PAGE).get_page(number)
    accounts = LedgerAccount.objects.in_bulk([line.account_id for line in page.object_list])
    return [_shown(line, accounts) for line in page.object_list], page


def list_lines(bulk_id: UUID, wanted: str) -> QuerySet[BulkLine]:
    """List lines in their order; `wanted` is 'apart' for those that were refused, used or taken back."""
    lines = BulkLine.objects.filter(bulk_id=bulk_id).order_by("line")
    return lines.exclude(outcome__in=("", "loaded")) if wanted == "apart" else lines


def list_events(bulk_id: UUID) -> list[tuple[BulkEvent, str | Promise]]:
    """List who did what, newest first."""
    events = BulkEvent.objects.filter(bulk_id=bulk_id).order_by("-at", "-id")
    return [(event, CHANGES.get(event.change, event.change)) for event in events]


def till_of(staff: Staff) -> Till | None:
    """Give the till whose name postings of the office carry: the manager's own, else the store's first."""
    return staff.till or Till.objects.filter(store=staff.store).first()


def parse_lines(typed: str, *, last: int) -> list[int]:
    """Read numbers of lines, such as `1-20, 35`. ValueError with a sentence that says what is wrong."""
    lines: set[int] = set()
    for part in re.split(r"[,，、\s]+", typed.strip()):
        match = re.fullmatch(r"(\d{1,6})(?:[-–](\d{1,6}))?", part)
        if match is None:
            raise ValueError(_("Type numbers of lines, such as 1-20, 35."))
        lines |= set(range(int(match[1]), int(match[2] or match[1]) + 1))
    if not lines or min(lines) < 1 or max(lines) > last:
        raise ValueError(_("The lines go from 1 to %(last)d.") % {"last": last})
    if len(lines) > LINES_AT_ONCE_MAX:
        raise ValueError(_("At most %(count)d lines at once.") % {"count": LINES_AT_ONCE_MAX})
    return sorted(lines)


def batch_file(request: HttpRequest, staff: Staff, bulk_id: UUID, *, name: str, back: str) -> HttpResponse:
    """Give the batch file as a download, or go `back` to the page of the order or import and say why not."""
    lock = request.POST.get("lock", "")
    try:
        packed = fetch_batch_file(bulk_id, lock=lock, by=staff.code, at=timezone.now())
    except LockRefused:
        why = _(
            "Nothing was fetched: paste the printer's key (age1…), or a passphrase of 12 characters or more."
        )
    except BatchFileGone:
        why = _("The batch file was fetched already; its PINs are not kept.")
    else:
        return _download(packed, "application/zip", name)
    messages.error(request, why)
    return redirect(back, bulk_id)


def csv_file(head: Sequence[str], rows: Iterable[Sequence[object]], *, name: str) -> HttpResponse:
    """Give a table as a download that spreadsheets open as it is."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(head)
    writer.writerows([safe(str(cell)) for cell in row] for row in rows)
    return _download((BYTE_ORDER_MARK + text.getvalue()).encode(), "text/csv; charset=utf-8", name)


def _download(content: bytes, kind: str, name: str) -> HttpResponse:
    answer = HttpResponse(content, content_type=kind)
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    answer["Cache-Control"] = "no-store"
    return answer


def _shown(line: BulkLine, accounts: dict[Any, LedgerAccount]) -> ShownLine:
    account = accounts.get(line.account_id)
    balance = account.balance if account else None
    if line.outcome in OUTCOMES:
        return ShownLine(line, *OUTCOMES[line.outcome], "", balance)
    reason = reason_of(line.outcome)
    return ShownLine(line, _("Refused"), "bad", reason.zh if reads_chinese() else reason.en, balance)
