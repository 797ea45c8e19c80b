"""Alerts about terminals: silent, with old unsent transactions, or another than was approved.

Knows when it is time to tell somebody; an alert ends by itself when its cause has.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q, QuerySet

from prepaid.settlement.exceptions import Finding, end_vanished, mark_vanished, record
from prepaid.settlement.kinds import TERMINAL_LOCKED, TERMINAL_OFFLINE, TERMINAL_QUEUE_OLD
from prepaid.stores.models import Terminal, TerminalLock

KINDS = (TERMINAL_OFFLINE, TERMINAL_QUEUE_OLD, TERMINAL_LOCKED)


def watch_terminals(at: datetime) -> int:
    """Store what is wrong with a terminal now, end what is over, and count what is new."""
    findings = [*find_offline(at), *find_old_queues(at), *find_locked()]
    new = record(findings, at=at)
    mark_vanished(KINDS, at=at)
    end_vanished(KINDS, at=at)
    return new


def find_offline(at: datetime) -> list[Finding]:
    """Find terminals in use that have been silent for longer than the site allows."""
    silent_since = at - timedelta(minutes=settings.TERMINAL_OFFLINE_MINUTES)
    silent = _in_use().filter(last_seen_at__lt=silent_since)
    return [
        _finding(TERMINAL_OFFLINE, terminal, f"last seen {terminal.last_seen_at:%Y-%m-%d %H:%M} UTC")
        for terminal in silent
    ]


def find_old_queues(at: datetime) -> list[Finding]:
    """Find terminals with a transaction that has been unsent for longer than the site allows."""
    old = at - timedelta(minutes=settings.TERMINAL_QUEUE_MINUTES)
    waiting = _in_use().filter(queue_count__gt=0, queue_oldest_at__lt=old)
    return [
        _finding(
            TERMINAL_QUEUE_OLD,
            terminal,
            f"{terminal.queue_count} unsent since {terminal.queue_oldest_at:%Y-%m-%d %H:%M} UTC",
        )
        for terminal in waiting
    ]


def find_locked() -> list[Finding]:
    """Find terminals that are locked for an unauthorised change; one that was replaced is no alarm."""
    locks = TerminalLock.objects.filter(unlocked_at__isnull=True, terminal__state=Terminal.State.LOCKED)
    return [
        _finding(TERMINAL_LOCKED, lock.terminal, f"{lock.code}: {lock.found}")
        for lock in locks.filter(terminal__replacement=None).select_related("terminal__store")
    ]


def _in_use() -> QuerySet[Terminal]:
    return Terminal.objects.filter(
        Q(state=Terminal.State.ACTIVE) | Q(state=Terminal.State.STANDBY), last_seen_at__isnull=False
    ).select_related("store")


def _finding(kind: str, terminal: Terminal, found: str) -> Finding:
    seen, oldest = terminal.last_seen_at, terminal.queue_oldest_at
    return Finding(
        kind=kind,
        subject="terminal",
        key=str(terminal.id),
        found=f"{terminal.store.code} {terminal.name}: {found}",
        detail={
            "store": terminal.store.code,
            "terminal": terminal.name,
            "count": terminal.queue_count,
            "amount": terminal.queue_amount_minor,
            "currency": terminal.store.currency,
            "last_seen_at": seen.isoformat() if seen else None,
            "oldest_at": oldest.isoformat() if oldest else None,
            "found": found,
        },
    )
