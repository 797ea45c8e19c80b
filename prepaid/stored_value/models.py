"""Read-only views of what stored value keeps beside the ledger, for Django to find."""

from prepaid.stored_value.approvals.models import Approval

__all__ = ("Approval",)
