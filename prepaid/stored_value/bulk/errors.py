"""What can be said against an order or an import."""

from __future__ import annotations

from prepaid.stored_value.answers import TransactionError


class BulkRefused(TransactionError):
    """The order or import is not in a state for this; nothing changed. `state` says in which it is."""

    code = "bulk_refused"

    def __init__(self, text: str, *, state: str) -> None:
        super().__init__(text)
        self.state = state


class BatchFileGone(TransactionError):
    """The batch file was fetched before, or there is none; its secrets are not kept."""

    code = "batch_file_gone"


class FileUnreadable(TransactionError):
    """The file is no CSV of cards; nothing was kept. `fault` names why, `value` what stands there."""

    code = "file_unreadable"

    def __init__(self, fault: str, value: str = "") -> None:
        super().__init__(f"{fault}: {value}" if value else fault)
        self.fault = fault
        self.value = value
