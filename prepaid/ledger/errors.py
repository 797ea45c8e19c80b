"""The errors of the site and of the ledger, and how SQLSTATEs become them.

Knows causes and whether a retry can help; must not know HTTP.
"""

from __future__ import annotations

from uuid import UUID


class PrepaidError(Exception):
    """An error of the site; `code` is stable and documented."""

    code = "error"
    retryable = False


class LedgerError(PrepaidError):
    """An error of the ledger."""


class IdReused(LedgerError):
    """The id was used with other content; nothing moved."""

    code = "id_reused"

    def __init__(self, transaction_id: UUID) -> None:
        super().__init__(f"The id {transaction_id} was used with other content.")
        self.transaction_id = transaction_id


class SequenceReused(LedgerError):
    """The sequence belongs to another transaction of the same terminal; nothing moved."""

    code = "sequence_reused"

    def __init__(self, sequence: int | None) -> None:
        super().__init__(f"The sequence {sequence} was used by another transaction.")
        self.sequence = sequence


class TryAgain(LedgerError):
    """The database could not answer now; nothing moved, repeat with the same id."""

    code = "try_again"
    retryable = True
