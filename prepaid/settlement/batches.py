"""Closing of batches: a terminal's totals compared with what is stored.

Knows ranges and their order; must not know HTTP, and adjusts nothing.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction

from prepaid.settlement.comparison import Comparison, Totals, compare, describe, differ
from prepaid.settlement.errors import BatchOverlaps, BatchRangeInvalid, BatchReused
from prepaid.settlement.exceptions import Finding, record
from prepaid.settlement.kinds import BATCH_DIFFERENCE, BATCH_MISSING_SEQUENCES, BATCH_TOLD_AGAIN
from prepaid.settlement.models import Batch
from prepaid.stored_value.requests import origin_of_terminal
from prepaid.stores.models import Terminal
from terminals import messages


def close_batch(terminal: Terminal, message: messages.BatchClose, *, at: datetime) -> messages.BatchAnswer:
    """Compare a terminal's totals of a range with the stored answers, and close the range.

    A repeat gives the stored answer. What differs or is missing is stored as an exception. Locks the
    terminal's row. Raises BatchRangeInvalid, BatchOverlaps, and BatchReused for a closed range told with
    other totals.
    """
    if message.last_sequence < message.first_sequence:
        raise BatchRangeInvalid(message.first_sequence, message.last_sequence)
    told = totals_told(message)
    batch = find_batch(terminal.id, message) or _close(terminal, message, told, at=at)
    if differ(told, batch.totals_told):
        record([told_again(batch, terminal, told)], at=at)
        raise BatchReused(message.first_sequence, message.last_sequence)
    return answer_of(batch)


def totals_told(message: messages.BatchClose) -> Totals:
    """Give a terminal's totals as they are stored: types with nothing are left out."""
    return {
        kind: {"count": total.count, "amount": total.amount}
        for kind, total in sorted(message.totals.items())
        if total.count or total.amount
    }


def find_batch(terminal_id: UUID, message: messages.BatchClose) -> Batch | None:
    """Find the closed batch of exactly this range."""
    return Batch.objects.filter(
        terminal_id=terminal_id,
        first_sequence=message.first_sequence,
        last_sequence=message.last_sequence,
    ).first()


def answer_of(batch: Batch) -> messages.BatchAnswer:
    """Give a batch as its terminal hears of it."""
    return messages.BatchAnswer(
        batch=batch.id,
        balanced=batch.is_balanced,
        missing_sequences=batch.missing_sequences,
        differences=batch.differences,
    )


def _close(terminal: Terminal, message: messages.BatchClose, told: Totals, *, at: datetime) -> Batch:
    first, last = message.first_sequence, message.last_sequence
    with transaction.atomic():
        # The claim: batches of a terminal follow one another, so that two ranges never share a sequence.
        claimed = Terminal.objects.filter(id=terminal.id, closed_through_sequence__lt=first).update(
            closed_through_sequence=last
        )
        if not claimed:
            stored = find_batch(terminal.id, message)
            if stored is None:
                raise BatchOverlaps(first, last, closed_through_sequence=_closed_through(terminal.id))
            return stored
        comparison = compare(terminal.id, first=first, last=last, told=told)
        batch = Batch.objects.create(
            terminal=terminal,
            first_sequence=first,
            last_sequence=last,
            totals_told=told,
            totals_counted=comparison.counted,
            differences=comparison.differences,
            missing_sequences=comparison.missing,
            missing_count=comparison.missing_count,
            is_balanced=comparison.is_balanced,
            business_date=origin_of_terminal(terminal).business_date_at(at),
            closed_at=at,
        )
        record(list_findings(batch, terminal, comparison), at=at)
    terminal.closed_through_sequence = last
    return batch


def list_findings(batch: Batch, terminal: Terminal, comparison: Comparison) -> list[Finding]:
    """List what does not agree in a batch, by a comparison of now or of when it was closed."""
    findings = []
    name = _name(batch, terminal)
    detail = _place(batch, terminal)
    if comparison.differences:
        findings.append(
            Finding(
                kind=BATCH_DIFFERENCE,
                subject="batch",
                key=str(batch.id),
                found=f"{name}: {describe(comparison.differences, terminal.store.currency)}",
                detail=detail | {"differences": comparison.differences},
            )
        )
    if comparison.unexplained:
        findings.append(
            Finding(
                kind=BATCH_MISSING_SEQUENCES,
                subject="batch",
                key=str(batch.id),
                found=f"{name}: {comparison.missing_count} missing, "
                f"first {', '.join(map(str, comparison.missing[:10]))}",
                detail=detail | {"missing": comparison.missing[:100], "count": comparison.missing_count},
            )
        )
    return findings


def told_again(batch: Batch, terminal: Terminal, told: Totals) -> Finding:
    """Say that a closed batch was told with other totals than the ones that stand."""
    differences = {
        kind: {"then": sides["site"], "now": sides["terminal"]}
        for kind, sides in differ(told, batch.totals_told).items()
    }
    return Finding(
        kind=BATCH_TOLD_AGAIN,
        subject="batch",
        key=str(batch.id),
        found=f"{_name(batch, terminal)}: told again with other totals of {', '.join(differences)}",
        detail=_place(batch, terminal) | {"told": differences},
    )


def _name(batch: Batch, terminal: Terminal) -> str:
    return f"{terminal.store.code} {terminal.name} {batch.first_sequence}-{batch.last_sequence}"


def _place(batch: Batch, terminal: Terminal) -> dict[str, object]:
    return {
        "store": terminal.store.code,
        "terminal": terminal.name,
        "currency": terminal.store.currency,
        "first_sequence": batch.first_sequence,
        "last_sequence": batch.last_sequence,
    }


def _closed_through(terminal_id: UUID) -> int:
    return Terminal.objects.values_list("closed_through_sequence", flat=True).get(id=terminal_id)
