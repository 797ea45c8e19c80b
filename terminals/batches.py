"""Closing the batch: this terminal's own totals, told to the site and compared there.

Knows the range of sequences and its totals; must not know how the site counts.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from terminals import messages
from terminals.errors import Refused, TerminalError
from terminals.journal import Batch, Journal
from terminals.site import Site


@dataclass(frozen=True, slots=True)
class ClosedBatch:
    """A batch that both sides have looked at: what the terminal told, and what the site found."""

    told: messages.BatchClose
    answer: messages.BatchAnswer


def close_batch(site: Site, journal: Journal) -> ClosedBatch:
    """Close the open batch, after telling again one whose answer never came.

    Every outcome must be known before. Raises TerminalError("nothing_to_close") for an empty batch, and what
    Connection.call raises; after a cut answer the same bytes are told again.
    """
    untold = journal.find_untold_batch()
    closed = _tell(site, journal, untold) if untold is not None else None
    opened = journal.open_batch()
    if opened is None:
        if closed is None:
            raise TerminalError("nothing_to_close")
        return closed
    first, last, totals = opened
    told = messages.BatchClose(first_sequence=first, last_sequence=last, totals=totals)
    return _tell(site, journal, journal.write_batch(first, last, messages.content(told)))


def _tell(site: Site, journal: Journal, batch: Batch) -> ClosedBatch:
    try:
        answer, raw = site.close_batch(batch.body)
    except Refused:
        journal.drop_batch(batch.first_sequence)
        raise
    journal.mark_batch_closed(batch.first_sequence, raw)
    return ClosedBatch(msgspec.json.decode(batch.body, type=messages.BatchClose), answer)
