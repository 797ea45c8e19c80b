"""What came of an approval, in words.

Knows reasons; what they are is decided where it was carried out.
"""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from prepaid.stored_value.approvals.models import Approval
from prepaid.stored_value.reasons import PRECEDENCE, reason_of
from prepaid.web.named import reads_chinese

CAUSES: dict[str, str | Promise] = {
    "change_refused": gettext_lazy("The card's state does not allow it any more. Nothing was changed."),
    "card_not_found": gettext_lazy("The card is not there any more. Nothing was changed."),
    "changed_since": gettext_lazy("It was changed since this was asked. Nothing was changed: ask again."),
    "rule_refused": gettext_lazy("A rule stands against the order now. Nothing was made."),
    "rule_invalid": gettext_lazy("The rule is not valid. Nothing was recorded."),
}


def say_outcome(approval: Approval) -> str:
    """Say why something that was approved was not carried out; nothing where it was."""
    reason = approval.outcome_reason
    if reason is None:
        return ""
    if reason in PRECEDENCE:
        why = reason_of(reason)
        return why.zh if reads_chinese() else why.en
    return str(CAUSES.get(reason, _("Nothing was changed.")))
