"""The office: exceptions and their resolution.

Knows lists; what is an exception is decided by settlement.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from prepaid.cards.models import Card
from prepaid.settlement.errors import ResolutionRefused
from prepaid.settlement.exceptions import list_open, list_resolved, resolve
from prepaid.settlement.kinds import kind_of
from prepaid.settlement.models import SettlementException
from prepaid.settlement.runs import find_health
from prepaid.stores.models import Staff
from prepaid.web.access import StaffRequest, in_the_office
from prepaid.web.office.findings import find_cards, say
from prepaid.web.office.jobs import describe

EXCEPTIONS_PER_PAGE = 25


@dataclass(frozen=True, slots=True)
class Listed:
    """An exception with the title of its kind, what it says, and the card to look at, where there is one."""

    row: SettlementException
    title: str | Promise
    lines: list[str]
    card: Card | None


@never_cache
@require_GET
@in_the_office
def exceptions(request: StaffRequest, staff: Staff) -> HttpResponse:
    """List what does not agree and nobody has resolved, with the jobs; or what was resolved."""
    resolved = request.GET.get("show") == "resolved"
    listed = list_resolved() if resolved else list_open()
    page = Paginator(listed, EXCEPTIONS_PER_PAGE).get_page(request.GET.get("page"))
    cards = find_cards(page.object_list)
    rows = [Listed(row, kind_of(row.kind).title, say(row), cards.get(row.pk)) for row in page.object_list]
    context = {
        "rows": rows,
        "page": page,
        "resolved": resolved,
        "keep": "show=resolved&" if resolved else "",
        "jobs": None if resolved else describe(find_health(timezone.now())),
    }
    return render(request, "office/exceptions.html", context)


@require_POST
@in_the_office
def resolve_exception(request: StaffRequest, staff: Staff, exception_id: UUID) -> HttpResponse:
    """Resolve an exception with a manager's reason."""
    try:
        resolve(exception_id, actor=staff.code, note=request.POST.get("note", ""), at=timezone.now())
    except ResolutionRefused:
        messages.error(request, _("Nothing was changed: it is resolved already, or no reason was given."))
    else:
        messages.success(request, _("Resolved."))
    return redirect("exceptions")
