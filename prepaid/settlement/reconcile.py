"""Reconciling: does the ledger agree with itself, with the terminals' batches, and is anything unsent.

Knows what is checked and in which order; must not mend anything.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby

from django.db import connection
from django.db.models import Exists, OuterRef, Q, TextField
from django.db.models.functions import Cast

from prepaid.ledger.audit import audit, list_invariants
from prepaid.money import Money, format_amount
from prepaid.settlement.advices import find_advices
from prepaid.settlement.batches import list_findings
from prepaid.settlement.comparison import compare
from prepaid.settlement.exceptions import Finding, list_open, mark_vanished, record
from prepaid.settlement.kinds import (
    ANSWERS_OUTSIDE_BATCHES,
    BATCH_DIFFERENCE,
    BATCH_MISSING_SEQUENCES,
    TERMINAL_SILENT,
)
from prepaid.settlement.models import Batch, SettlementException
from prepaid.stores.models import Terminal

AUDIT_FINDINGS_MAX = 1000
# Batches younger than this are compared again each time; older ones while an exception of theirs is open.
BATCH_AGE_MAX = timedelta(days=45)
SILENT_AFTER = timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One part of a run: what was looked at, how many of them, and what was found."""

    name: str
    looked_at: int
    findings: list[Finding]
    # Kinds whose every finding is listed here: an open exception not among them has vanished.
    complete: list[str]


@dataclass(slots=True, kw_only=True)
class Summary:
    """A run: its checks, how many findings are new, how many vanished, and what is open now."""

    at: datetime
    checks: list[Check] = field(default_factory=list)
    new: int = 0
    vanished: int = 0
    open: list[SettlementException] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{len(self.open)} open, {self.new} new, {self.vanished} vanished"

    @property
    def is_clean(self) -> bool:
        """Say whether nothing that is still found waits for a person."""
        return all(exception.vanished_at is not None for exception in self.open)


def reconcile(at: datetime, *, tell: Callable[[Check], None] = lambda check: None) -> Summary:
    """Run every check now, store what is found, and say what is open; `tell` hears of each check as it ends.

    Safe to repeat, and beside itself. Locks nothing for longer than a row of an exception.
    """
    return _run((check_ledger, check_batches, check_advices, check_terminals), at, tell)


def compare_batches(at: datetime) -> Summary:
    """Compare the batches of late again: an answer that came late changes what is counted."""
    return _run((check_batches,), at, lambda check: None)


def check_ledger(at: datetime) -> Check:
    """Run the ledger's audit."""
    found = list(audit(findings_max=AUDIT_FINDINGS_MAX))
    invariants = [name for name, _ in list_invariants()]
    counts = {name: len(list(rows)) for name, rows in groupby(found, key=lambda each: each.invariant)}
    return Check(
        name="ledger invariants",
        looked_at=len(invariants),
        findings=[
            Finding(kind=each.invariant, subject=each.subject, key=each.key, found=each.found)
            for each in found
        ],
        complete=[name for name in invariants if counts.get(name, 0) < AUDIT_FINDINGS_MAX],
    )


def check_batches(at: datetime) -> Check:
    """Compare each batch of late with what is stored now, and look for what no batch has."""
    open_ones = SettlementException.objects.filter(
        subject="batch", key=Cast(OuterRef("id"), TextField()), resolved_at__isnull=True
    )
    batches = Batch.objects.filter(Q(closed_at__gte=at - BATCH_AGE_MAX) | Q(Exists(open_ones)))
    findings: list[Finding] = []
    looked_at = 0
    for batch in batches.select_related("terminal__store").order_by("id").iterator(chunk_size=200):
        looked_at += 1
        comparison = compare(
            batch.terminal_id, first=batch.first_sequence, last=batch.last_sequence, told=batch.totals_told
        )
        findings += list_findings(batch, batch.terminal, comparison)
    return Check(
        name="batches",
        looked_at=looked_at,
        findings=findings + find_outside_batches(),
        complete=[BATCH_DIFFERENCE, BATCH_MISSING_SEQUENCES, ANSWERS_OUTSIDE_BATCHES],
    )


def find_outside_batches() -> list[Finding]:
    """Find approved transactions that their terminal's batches passed over."""
    with connection.cursor() as cursor:
        cursor.execute(_OUTSIDE)
        return [
            Finding(
                kind=ANSWERS_OUTSIDE_BATCHES,
                subject="terminal",
                key=str(terminal_id),
                found=f"{store} {name}: {count} between {first} and {last}",
                detail={
                    "store": store,
                    "terminal": name,
                    "count": count,
                    "first_sequence": first,
                    "last_sequence": last,
                },
            )
            for terminal_id, store, name, count, first, last in cursor.fetchall()
        ]


def check_advices(at: datetime) -> Check:
    """Look again for advices that a person has to see; each was told when it came."""
    findings = find_advices()
    return Check(name="advices", looked_at=len(findings), findings=findings, complete=[])


def check_terminals(at: datetime) -> Check:
    """Find terminals that are silent and have told of transactions not yet sent."""
    terminals = Terminal.objects.exclude(state=Terminal.State.RETIRED).select_related("store")
    silent = terminals.filter(queue_count__gt=0).filter(
        Q(last_seen_at__isnull=True) | Q(last_seen_at__lt=at - SILENT_AFTER)
    )
    return Check(
        name="terminals",
        looked_at=terminals.count(),
        findings=[_silent(terminal) for terminal in silent],
        complete=[TERMINAL_SILENT],
    )


def _silent(terminal: Terminal) -> Finding:
    amount = format_amount(Money(terminal.queue_amount_minor, terminal.store.currency))
    seen = "never" if terminal.last_seen_at is None else f"{terminal.last_seen_at:%Y-%m-%d %H:%M} UTC"
    return Finding(
        kind=TERMINAL_SILENT,
        subject="terminal",
        key=str(terminal.id),
        found=f"{terminal.store.code} {terminal.name}: {terminal.queue_count} unsent of {amount}, "
        f"last seen {seen}",
        detail={
            "store": terminal.store.code,
            "terminal": terminal.name,
            "count": terminal.queue_count,
            "amount": terminal.queue_amount_minor,
            "currency": terminal.store.currency,
            "last_seen_at": terminal.last_seen_at.isoformat() if terminal.last_seen_at else None,
        },
    )


def _run(
    checks: tuple[Callable[[datetime], Check], ...], at: datetime, tell: Callable[[Check], None]
) -> Summary:
    summary = Summary(at=at)
    for run in checks:
        check = run(at)
        summary.checks.append(check)
        summary.new += record(check.findings, at=at)
        summary.vanished += mark_vanished(check.complete, at=at)
        tell(check)
    summary.open = list(list_open())
    return summary


_OUTSIDE = """
select terminal.id, store.code, terminal.name, count(*), min(answer.sequence), max(answer.sequence)
from stores_terminal as terminal
join stores_store as store on store.id = terminal.store_id
join ledger_answer as answer
    on answer.origin_id = terminal.id and answer.sequence <= terminal.closed_through_sequence
where answer.outcome = 'approved' and not exists (
    select from settlement_batch as batch
    where batch.terminal_id = terminal.id
        and answer.sequence between batch.first_sequence and batch.last_sequence)
group by terminal.id, store.code, terminal.name
order by store.code, terminal.name
"""
