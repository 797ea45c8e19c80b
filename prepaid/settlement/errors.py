"""The errors of settlement: why a batch is not closed.

Knows causes and their fields; must not know HTTP.
"""

from __future__ import annotations

from prepaid.ledger.errors import PrepaidError


class SettlementError(PrepaidError):
    """An error of settlement; nothing was closed."""

    def __init__(self, first_sequence: int, last_sequence: int, text: str) -> None:
        super().__init__(text)
        self.first_sequence = first_sequence
        self.last_sequence = last_sequence


class BatchRangeInvalid(SettlementError):
    """The batch ends before it begins."""

    code = "batch_range_invalid"

    def __init__(self, first_sequence: int, last_sequence: int) -> None:
        super().__init__(
            first_sequence, last_sequence, f"A batch cannot run from {first_sequence} to {last_sequence}."
        )


class BatchOverlaps(SettlementError):
    """Some of the range lies in or before a batch that is closed already."""

    code = "batch_overlaps"

    def __init__(self, first_sequence: int, last_sequence: int, *, closed_through_sequence: int) -> None:
        super().__init__(
            first_sequence,
            last_sequence,
            f"Batches of this terminal are closed through {closed_through_sequence}; "
            f"the next one begins after it, not at {first_sequence}.",
        )
        self.closed_through_sequence = closed_through_sequence


class BatchReused(SettlementError):
    """The batch was closed with other totals; the first ones stand."""

    code = "batch_reused"

    def __init__(self, first_sequence: int, last_sequence: int) -> None:
        super().__init__(
            first_sequence,
            last_sequence,
            f"The batch {first_sequence} to {last_sequence} was closed with other totals.",
        )


class ResolutionRefused(PrepaidError):
    """The exception is resolved already, or is none of ours; nothing changed."""

    code = "resolution_refused"
