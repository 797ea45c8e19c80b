"""How the approval of an order or import is asked for on its page, and what the page says about it.

Knows words; whether a second person is needed, and who may decide, the approvals of stored value know.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.models import User
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from prepaid.cards.rules.in_force import RuleRefused
from prepaid.identifiers import uuid7
from prepaid.ledger.errors import IdReused, TryAgain
from prepaid.stored_value.approvals.bulk import bulk_id_of, find_request_of
from prepaid.stored_value.approvals.errors import AlreadyAsked, ApprovalError, ReasonMissing
from prepaid.stored_value.approvals.models import Approval
from prepaid.stored_value.approvals.payloads import BulkImport, BulkIssue
from prepaid.stored_value.approvals.service import Asked, foresee
from prepaid.stores.models import Staff
from prepaid.web.access import StaffRequest
from prepaid.web.named import told_of
from prepaid.web.office.outcomes import say_outcome

WAITS = (gettext_lazy("Waits for approval"), "warn")


def say_rule(refused: RuleRefused) -> str:
    """Say that a rule stands against it, and which."""
    said = told_of(refused.rule)
    return _("Nothing was changed: a rule stands against it.") + " " + said


def show_asking(wanted: BulkIssue | BulkImport, staff: Staff) -> dict[str, Any]:
    """Say what it waits for: a second person, or to be asked for; and what was decided before."""
    asked = find_request_of(bulk_id_of(wanted))
    state = None if asked is None else asked.state_at(timezone.now())
    return {
        "asked": asked,
        "waits": state == "pending",
        "asked_by": "" if asked is None else _name(asked.asked_by_user, asked.asked_by),
        "is_own": asked is not None and asked.asked_by_user == staff.user_id,
        "before": "" if asked is None else _say_before(asked),
        "need": foresee(wanted, staff=staff),
        "approval_id": uuid7(),
    }


def ask_for_approval(
    request: StaffRequest, staff: Staff, bulk_id: UUID, call: Callable[..., Asked], *, done_says: str
) -> None:
    """Ask by `ask_for_order` or `ask_for_import`, and tell the outcome. Raises RuleRefused, BulkRefused."""
    try:
        done = call(
            bulk_id,
            approval_id=_read_id(request.POST.get("id", "")),
            staff=staff,
            reason=request.POST.get("reason", ""),
            at=timezone.now(),
        )
    except ReasonMissing:
        messages.error(request, _("Nothing was changed: write why."))
    except (AlreadyAsked, IdReused):
        messages.error(request, _("This is asked for already. Nothing was changed."))
    except ApprovalError:
        messages.error(request, _("Your role may not ask for this. Nothing was changed."))
    except TryAgain:
        messages.error(request, _("No answer yet. Send it again: it is never done twice."))
    else:
        if done.is_pending:
            messages.success(
                request, _("Asked for. Nothing has changed yet: another manager decides within two days.")
            )
        elif done.is_executed:
            messages.success(request, done_says)
        else:
            messages.error(request, say_outcome(done.approval) or _("Nothing was changed."))


def _read_id(sent: str) -> UUID:
    try:
        return UUID(sent)
    except ValueError:
        return uuid7()


def _say_before(asked: Approval) -> str:
    """Say why what was asked before came to nothing; it may be asked for again."""
    state = asked.state_at(timezone.now())
    if state == "refused":
        who = _name(asked.decided_by_user or 0, asked.decided_by or "")
        return _("Refused by %(who)s: %(why)s You may ask again.") % {
            "who": who,
            "why": _as_sentence(asked.decision_reason),
        }
    if state == "expired":
        return _("Nobody decided in time. You may ask again.")
    return say_outcome(asked)


def _as_sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?", "。", "！", "？")) else f"{text}."


def _name(user_id: int, code: str) -> str:
    user = User.objects.filter(pk=user_id).first()
    return code if user is None else user.get_full_name() or user.get_username()
