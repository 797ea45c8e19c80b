"""The terminals: how each is, its last 24 hours, why presentations fail, and what a manager can do about it.

Knows words and what a page shows; how a terminal is, and what may be done, is decided by stores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from prepaid.cards.hot_list import hot_list_version
from prepaid.money import Money, format_amount
from prepaid.reports.faults import DIMENSIONS, Dimension, Ranked, list_trainees, rank_faults
from prepaid.settlement.exceptions import list_open
from prepaid.settlement.fleet import KINDS
from prepaid.settlement.kinds import kind_of
from prepaid.stores.attestation import approve_agent, files_of, list_approved, unlock
from prepaid.stores.errors import PromotionRefused, StandbyNotReady, UnlockRefused
from prepaid.stores.fleet import Part, Status, Strip, list_strips, parts_of, status_of
from prepaid.stores.models import Staff, Terminal, TerminalFault, TerminalLock, TerminalReplacement
from prepaid.stores.standby import REPLACED, promote, why_not_ready
from prepaid.web.access import StaffRequest, in_the_office
from prepaid.web.named import reads_chinese
from prepaid.web.office.findings import say
from terminals.faults import Cause, cause_of
from terminals.messages import Texts

FAULTS_SHOWN = 10
ALERTS_SHOWN = 6
RANKED_DAYS = 7
STATUSES: dict[Status, tuple[str | Promise, str]] = {
    "AVAILABLE": (pgettext_lazy("terminal", "Available"), "good"),
    "NEEDS_ATTENTION": (gettext_lazy("Needs attention"), "warn"),
    "OFFLINE": (gettext_lazy("Offline"), "bad"),
}
STATES = {
    "active": gettext_lazy("In use"),
    "standby": gettext_lazy("Standby"),
    "locked": gettext_lazy("Locked"),
    "retired": gettext_lazy("Retired"),
}
PARTS = {
    "application": gettext_lazy("Application"),
    "card_reader": gettext_lazy("Card reader"),
    "scanner": gettext_lazy("Scanner"),
    "printer": gettext_lazy("Printer"),
    "network": gettext_lazy("Network"),
    "power": gettext_lazy("Power"),
    "clock": gettext_lazy("Clock"),
    "queue": gettext_lazy("Queue"),
}
RANKINGS: dict[Dimension, str | Promise] = {
    "code": gettext_lazy("Cause"),
    "operator": gettext_lazy("Operator"),
    "agent_version": gettext_lazy("Agent"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PartLine:
    """A part of a terminal in words."""

    name: str | Promise
    word: str | Promise
    tone: str
    cause: Cause | None

    @property
    def text(self) -> str:
        """Say what is wrong with it, in the reader's language."""
        return "" if self.cause is None else in_language(self.cause.text)

    @property
    def action(self) -> str:
        """Say what to do about it, in the reader's language."""
        return "" if self.cause is None else in_language(self.cause.action)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A terminal as the list shows it."""

    terminal: Terminal
    status: Status
    word: str | Promise
    tone: str
    state: str | Promise
    parts: list[PartLine]
    strip: Strip

    @property
    def online_percent(self) -> str:
        """Give the share of its time that it was heard of."""
        return "—" if self.strip.online_share is None else f"{100 * self.strip.online_share:.1f}%"

    @property
    def troubles(self) -> list[PartLine]:
        """Give the parts that are not well, as long as it is heard of at all."""
        return [] if self.status == "OFFLINE" else [part for part in self.parts if part.tone != "good"]


@dataclass(frozen=True, slots=True)
class RankedLine:
    """A rank with its bar, in per cent of the first, and its name in the reader's language."""

    row: Ranked
    name: str
    text: str
    width: float


@never_cache
@require_GET
@in_the_office
def terminals(request: StaffRequest, staff: Staff) -> HttpResponse:
    """List terminals with what they last told, what is wrong with them, and why presentations fail."""
    at = timezone.now()
    in_use = Terminal.objects.exclude(state=Terminal.State.RETIRED).select_related("store", "till")
    found = list(in_use.order_by("store__code", "name"))
    strips = list_strips(found, at)
    lines = [line_of(each, strips[each.pk], at) for each in found]
    asked = request.GET.get("by", "")
    dimension: Dimension = next((each for each in DIMENSIONS if each == asked), "code")
    since = at - timedelta(days=RANKED_DAYS)
    alerts = list_open().filter(kind__in=KINDS)[:ALERTS_SHOWN]
    context = {
        "lines": lines,
        "tiles": tiles_of(lines),
        "unsent": unsent_of(lines),
        "ranked": rank(rank_faults(dimension, since=since, until=at), dimension),
        "days": RANKED_DAYS,
        "rankings": [(each, RANKINGS[each], each == dimension) for each in DIMENSIONS],
        "ranking": RANKINGS[dimension],
        "trainees": list_trainees(since=since, until=at),
        "guide": cause_of("OPS-TRN-01"),
        "alerts": [(kind_of(row.kind).title, row, say(row)) for row in alerts],
        "faults": described(TerminalFault.objects.select_related("terminal__store")[:FAULTS_SHOWN]),
    }
    return render(request, "office/terminals.html", context)


@never_cache
@require_GET
@in_the_office
def terminal(request: StaffRequest, staff: Staff, terminal_id: UUID) -> HttpResponse:
    """Show one terminal: its parts, its faults, its history, and what can be done."""
    at = timezone.now()
    shown = get_object_or_404(Terminal.objects.select_related("store", "till"), pk=terminal_id)
    line = line_of(shown, list_strips([shown], at)[shown.pk], at)
    approved = list_approved(shown.agent_version)
    replacement = TerminalReplacement.objects.filter(failed=shown).select_related("successor").first()
    can_fail = shown.state in (Terminal.State.ACTIVE, Terminal.State.LOCKED) and replacement is None
    spares = Terminal.objects.filter(store=shown.store, state=Terminal.State.STANDBY).exclude(pk=shown.pk)
    context = {
        "line": line,
        "terminal": shown,
        "files": files_of(shown.files_hash)[:12],
        "is_approved": files_of(shown.files_hash) in approved,
        "has_approved": bool(approved),
        "faults": described(shown.faults.all()[:FAULTS_SHOWN]),
        "locks": [(held, why_locked(held)) for held in shown.locks.all()[:FAULTS_SHOWN]],
        "can_unlock": shown.state == Terminal.State.LOCKED and replacement is None,
        "replacement": replacement,
        "stood_in": shown.replaced.select_related("failed").first(),
        "spares": _readiness(spares, at) if can_fail else [],
    }
    return render(request, "office/terminal.html", context)


@require_POST
@in_the_office
def unlock_terminal(request: StaffRequest, staff: Staff, terminal_id: UUID) -> HttpResponse:
    """Let a locked terminal work again, with a manager's reason."""
    note = request.POST.get("note", "")
    return _done(
        request,
        terminal_id,
        partial(unlock, terminal_id, actor=staff.code, note=note, at=timezone.now()),
        _("The terminal may work again: it hears of it with its next sign of life."),
    )


@require_POST
@in_the_office
def approve_terminal(request: StaffRequest, staff: Staff, terminal_id: UUID) -> HttpResponse:
    """Approve the agent that a terminal told of: others of its version are locked from then on."""
    shown = get_object_or_404(Terminal, pk=terminal_id)
    if not shown.files_hash:
        messages.error(request, _("Nothing was changed: the terminal has told no hash yet."))
        return redirect("terminal", terminal_id)
    version, told = shown.agent_version, shown.files_hash
    return _done(
        request,
        terminal_id,
        lambda: approve_agent(version, told, actor=staff.code, at=timezone.now()),
        _("Approved. A terminal of this version with other files is locked from now on."),
    )


@require_POST
@in_the_office
def promote_terminal(request: StaffRequest, staff: Staff, terminal_id: UUID) -> HttpResponse:
    """Put a spare in this terminal's place."""
    note = request.POST.get("note", "")
    try:
        standby_id = UUID(request.POST.get("standby", ""))
    except ValueError:
        messages.error(request, _("Nothing was changed: choose the standby."))
        return redirect("terminal", terminal_id)
    return _done(
        request,
        terminal_id,
        partial(
            promote,
            standby_id,
            terminal_id,
            actor=staff.code,
            note=note,
            hot_list_version=hot_list_version(),
            at=timezone.now(),
        ),
        _("The standby took over name and till. Send what this one left with “recover --journal” there."),
    )


def _readiness(spares: Iterable[Terminal], at: datetime) -> list[tuple[Terminal, bool]]:
    """Tell of each spare whether it could take over now."""
    version = hot_list_version()
    return [(spare, not why_not_ready(spare, hot_list_version=version, at=at)) for spare in spares]


def line_of(shown: Terminal, strip: Strip, at: datetime) -> Line:
    """Put how a terminal is into words."""
    status = status_of(shown, at)
    word, tone = STATUSES[status]
    parts = [part_of(part) for part in parts_of(shown, at)]
    return Line(
        terminal=shown,
        status=status,
        word=word,
        tone=tone,
        state=STATES[shown.state],
        parts=parts,
        strip=strip,
    )


def part_of(part: Part) -> PartLine:
    """Put how a part is into words."""
    word, tone = STATUSES[part.status]
    cause = cause_of(part.code) if part.code else None
    return PartLine(name=PARTS.get(part.name, part.name), word=word, tone=tone, cause=cause)


def tiles_of(lines: list[Line]) -> list[tuple[str | Promise, int, str]]:
    """Count the terminals by status."""
    return [
        (word, sum(line.status == status for line in lines), tone)
        for status, (word, tone) in STATUSES.items()
    ]


def unsent_of(lines: list[Line]) -> tuple[int, str]:
    """Count what is unsent everywhere, with its sum in each currency."""
    sums: dict[str, int] = {}
    for line in lines:
        if line.terminal.queue_count:
            currency = line.terminal.store.currency
            sums[currency] = sums.get(currency, 0) + line.terminal.queue_amount_minor
    amounts = " · ".join(format_amount(Money(amount, currency)) for currency, amount in sorted(sums.items()))
    return sum(line.terminal.queue_count for line in lines), amounts


def rank(rows: list[Ranked], dimension: Dimension) -> list[RankedLine]:
    """Name the ranks and give each its bar."""
    most = max((row.count for row in rows), default=1)
    return [
        RankedLine(
            row=row,
            name=row.name or (_("others") if number == len(rows) - 1 and number else _("not told")),
            text=in_language(cause_of(row.name).text) if dimension == "code" and row.name else "",
            width=round(100 * row.count / most, 1),
        )
        for number, row in enumerate(rows)
    ]


def described(faults: object) -> list[tuple[TerminalFault, str, str, str]]:
    """Give faults with what each means, in the reader's language, its tone, and what else was told of it."""
    rows: list[tuple[TerminalFault, str, str, str]] = []
    for fault in faults:  # type: ignore[attr-defined]
        cause = cause_of(fault.code)
        # A decline tells its own sentence, in the terminal's language.
        detail = "" if fault.detail.startswith((cause.text.en, cause.text.zh)) else fault.detail
        rows.append((fault, in_language(cause.text), "bad" if cause.severity >= 3 else "warn", detail))
    return rows


def why_locked(held: TerminalLock) -> str:
    """Say why a terminal was locked, in the reader's language."""
    return _("Its standby took over") if held.code == REPLACED else in_language(cause_of(held.code).text)


def in_language(texts: Texts) -> str:
    """Give a sentence in the language of the page."""
    return texts.zh if reads_chinese() else texts.en


def _done(request: StaffRequest, terminal_id: UUID, do: Callable[[], object], success: str) -> HttpResponse:
    try:
        do()
    except StandbyNotReady as error:
        cause = cause_of(error.code)
        messages.error(request, f"{error.code}: {in_language(cause.text)}. {in_language(cause.action)}")
    except UnlockRefused:
        messages.error(request, _("Nothing was changed: give a reason, and see that its files are approved."))
    except PromotionRefused:
        messages.error(
            request, _("Nothing was changed: give a reason, and choose a standby of the same store.")
        )
    else:
        messages.success(request, success)
    return redirect("terminal", terminal_id)
