"""The office's approvals: what waits for a second person with before and after, and what was decided.

Knows words and lists; who may decide is known to the approvals of stored value, and to the database.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from prepaid.cards.models import Card, Program
from prepaid.ledger.errors import IdReused, TryAgain
from prepaid.ledger.models import LedgerAccount
from prepaid.money import Money, format_amount
from prepaid.stored_value.approvals.errors import (
    AlreadyDecided,
    ApprovalError,
    ApprovalExpired,
    ReasonMissing,
    SelfApproval,
)
from prepaid.stored_value.approvals.listing import list_decided, list_pending
from prepaid.stored_value.approvals.models import Approval, State
from prepaid.stored_value.approvals.payloads import (
    Adjust,
    BulkImport,
    BulkIssue,
    CardReturn,
    LimitChange,
    Payload,
    ProgramChange,
    RefundUnlinked,
    RuleChange,
    Unblock,
)
from prepaid.stored_value.approvals.service import approve, refuse
from prepaid.stores.models import Staff, Store
from prepaid.web.access import StaffRequest, in_the_office
from prepaid.web.counter.words import STATE_NAMES
from prepaid.web.named import name_of
from prepaid.web.office.outcomes import say_outcome
from prepaid.web.terms import TERM_NAMES, Change, list_changes, say_term

PER_PAGE = 25
TITLES: dict[str, str | Promise] = {
    "adjust": gettext_lazy("Correction of a balance"),
    "refund_unlinked": gettext_lazy("Refund without a receipt"),
    "unblock": gettext_lazy("Unblock of a card"),
    "limit_change": gettext_lazy("Change of a limit"),
    "program_change": gettext_lazy("Change of a program's terms"),
    "bulk_issue": gettext_lazy("Bulk issue"),
    "bulk_import": gettext_lazy("Import of cards and balances"),
    "rule_change": gettext_lazy("Change of a rule"),
    "card_return": gettext_lazy("Card return"),
}
STATES: dict[State, tuple[str | Promise, str]] = {
    "pending": (gettext_lazy("Waiting"), "warn"),
    "executed": (gettext_lazy("Carried out"), "good"),
    "approved": (gettext_lazy("Approved, not carried out"), "bad"),
    "refused": (gettext_lazy("Refused"), ""),
    "expired": (gettext_lazy("Nobody decided in time"), ""),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A request as it is read; `changes` says what changes, where it can be said."""

    row: Approval
    title: str | Promise
    label: str | Promise
    tone: str
    what: str | Promise
    card: Card | None
    store: str
    amount: str
    order_id: UUID | None
    import_id: UUID | None
    changes: list[Change]
    asked_by: str
    decided_by: str
    is_own: bool
    outcome: str


@never_cache
@require_GET
@in_the_office
def approvals(request: StaffRequest, staff: Staff) -> HttpResponse:
    """List what waits for a decision; or what was decided."""
    now, decided = timezone.now(), request.GET.get("show") == "decided"
    listed = list_decided() if decided else list_pending(now)
    page = Paginator(listed, PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "rows": _list(list(page.object_list), staff, now),
        "page": page,
        "decided": decided,
        "keep": "show=decided&" if decided else "",
    }
    return render(request, "office/approvals.html", context)


@require_POST
@in_the_office
def decide_approval(request: StaffRequest, staff: Staff, approval_id: UUID) -> HttpResponse:
    """Approve or refuse as the second person, or take back what one asked."""
    reason, now = request.POST.get("reason", ""), timezone.now()
    try:
        if request.POST.get("verdict") == "approve":
            done = approve(approval_id, staff=staff, reason=reason, at=now)
            if done.is_executed:
                messages.success(request, _("Approved and carried out."))
            else:
                messages.error(request, f"{_('Approved, but not carried out:')} {say_outcome(done.approval)}")
        else:
            refuse(approval_id, staff=staff, reason=reason, at=now)
            messages.success(request, _("Refused. Nothing was changed."))
    except ReasonMissing:
        messages.error(request, _("Nothing was changed: write why."))
    except SelfApproval:
        messages.error(request, _("Nothing was changed: you asked for this, so another manager approves it."))
    except AlreadyDecided:
        messages.error(request, _("Nothing was changed: somebody decided this before."))
    except ApprovalExpired:
        messages.error(request, _("Nothing was changed: its time is over. Ask for it again."))
    except ApprovalError:
        messages.error(request, _("Nothing was changed: this is not yours to decide."))
    except TryAgain:
        messages.error(request, _("No answer yet. Press again: it is never done twice."))
    except IdReused:
        messages.error(request, _("Nothing was changed: it was done another way before. Refuse this one."))
    return redirect("approvals")


def _list(rows: list[Approval], staff: Staff, now: datetime) -> list[Listed]:
    cards = Card.objects.select_related("account__holder", "program").in_bulk(
        [row.card_id for row in rows if row.card_id]
    )
    programs = Program.objects.in_bulk([row.program_id for row in rows if row.program_id])
    accounts = LedgerAccount.objects.in_bulk([row.account_id for row in rows if row.account_id])
    stores = {store.id: name_of(store) for store in Store.objects.all()}
    people = _name_people(user for row in rows for user in (row.asked_by_user, row.decided_by_user) if user)
    listed = []
    for row in rows:
        asked, state = row.asked, row.state_at(now)
        label, tone = STATES[state]
        if state == "refused" and row.decided_by_user == row.asked_by_user:
            label = _("Taken back")
        card = cards.get(row.card_id) if row.card_id else None
        account = accounts.get(row.account_id) if row.account_id else None
        balance = account.balance if account is not None and state == "pending" else None
        program = programs.get(row.program_id) if row.program_id else None
        # Another store's orders and imports are not shown here.
        is_here = row.store_id == staff.store_id
        listed.append(
            Listed(
                row=row,
                title=TITLES[row.kind],
                label=label,
                tone=tone,
                what=_what(asked, program),
                card=card,
                store=stores.get(row.store_id, ""),
                amount=_amount(asked),
                order_id=asked.order_id if isinstance(asked, BulkIssue) and is_here else None,
                import_id=asked.import_id if isinstance(asked, BulkImport) and is_here else None,
                changes=_changes(asked, card, balance),
                asked_by=people.get(row.asked_by_user, row.asked_by),
                decided_by=people.get(row.decided_by_user or 0, row.decided_by or ""),
                is_own=row.asked_by_user == staff.user_id,
                outcome=say_outcome(row),
            )
        )
    return listed


def _name_people(users: Iterable[int]) -> dict[int, str]:
    return {
        pk: user.get_full_name() or user.get_username()
        for pk, user in User.objects.in_bulk(set(users)).items()
    }


def _what(asked: Payload, program: Program | None) -> str | Promise:
    """Say in a few words what is asked."""
    if isinstance(asked, Adjust):
        if asked.direction == "up":
            return _("Add bonus") if asked.bonus else _("Add paid value")
        return _("Take bonus away") if asked.bonus else _("Take paid value away")
    if isinstance(asked, LimitChange):
        return f"{TERM_NAMES[asked.term]} · {name_of(program)}" if program else TERM_NAMES[asked.term]
    if isinstance(asked, ProgramChange):
        return name_of(program) if program else ""
    if isinstance(asked, RuleChange):
        return _("%(field)s from %(day)s: %(text)s") % {
            "field": asked.field,
            "day": asked.effective_from,
            "text": asked.text,
        }
    if isinstance(asked, BulkIssue):
        each = format_amount(Money(asked.amount_each_minor, asked.currency))
        cards = ngettext(
            "%(count)s card with %(each)s", "%(count)s cards with %(each)s each", asked.quantity
        ) % {"count": f"{asked.quantity:,}", "each": each}
        return _joined(asked.buyer_name, program, cards)
    if isinstance(asked, BulkImport):
        cards = ngettext("%(count)s card", "%(count)s cards", asked.quantity) % {
            "count": f"{asked.quantity:,}"
        }
        return _joined(asked.file_name, program, cards)
    return ""


def _amount(asked: Payload) -> str:
    if isinstance(asked, Adjust | RefundUnlinked):
        sign = "−" if isinstance(asked, Adjust) and asked.direction == "down" else "+"
        return sign + format_amount(Money(asked.amount_minor, asked.currency))
    if isinstance(asked, CardReturn):
        return "−" + format_amount(Money(asked.total_minor, asked.currency))
    if isinstance(asked, BulkIssue | BulkImport):
        return format_amount(Money(asked.total_minor, asked.currency))
    return ""


def _joined(first: str, program: Program | None, cards: str) -> str:
    return " · ".join([first, name_of(program), cards] if program else [first, cards])


def _changes(asked: Payload, card: Card | None, balance_minor: int | None) -> list[Change]:
    """Say what stands now and what would stand; only for what still waits, or never moves."""
    if isinstance(asked, LimitChange):
        before, after = asked.before_minor, asked.after_minor
        return [Change("", *(say_term(asked.term, each, asked.currency) for each in (before, after)))]
    if isinstance(asked, ProgramChange):
        return list_changes(asked)
    if isinstance(asked, RuleChange | BulkIssue | BulkImport) or balance_minor is None:
        return []
    return [Change("", *_stands(asked, card, balance_minor))]


def _stands(
    asked: Adjust | RefundUnlinked | Unblock | CardReturn, card: Card | None, balance_minor: int
) -> tuple[str | Promise, str | Promise]:
    now = format_amount(Money(balance_minor, asked.currency))
    if isinstance(asked, Adjust | RefundUnlinked):
        is_down = isinstance(asked, Adjust) and asked.direction == "down"
        moved = -asked.amount_minor if is_down else asked.amount_minor
        return now, format_amount(Money(balance_minor + moved, asked.currency))
    if isinstance(asked, CardReturn):
        return now, STATE_NAMES["closed"]
    state = STATE_NAMES[card.state] if card is not None else ""
    return f"{state} · {now}", STATE_NAMES["active"]
