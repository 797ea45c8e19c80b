"""Why nothing was asked, decided or carried out. In each case nothing moved and nothing changed."""

from __future__ import annotations

from prepaid.stored_value.answers import TransactionError


class ApprovalError(TransactionError):
    """An error of two-person control."""


class ApprovalNotFound(ApprovalError):
    """There is no such request."""

    code = "approval_not_found"


class SelfApproval(ApprovalError):
    """Who asked does not approve: another manager does."""

    code = "self_approval"


class AlreadyDecided(ApprovalError):
    """Somebody decided it before."""

    code = "already_decided"


class ApprovalExpired(ApprovalError):
    """Nobody decided it in time: it is asked for anew."""

    code = "approval_expired"


class RoleLacking(ApprovalError):
    """The person's role may not ask for this, or decide it."""

    code = "role_lacking"


class ReasonMissing(ApprovalError):
    """Neither a request nor a refusal goes without a reason."""

    code = "reason_missing"


class AlreadyAsked(ApprovalError):
    """The same thing is asked for already."""

    code = "already_asked"
