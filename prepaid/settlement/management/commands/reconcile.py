"""Reconcile now: print each check as it ends, then what is open; exit with 1 when something is."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from prepaid.settlement import runs
from prepaid.settlement.models import SettlementException
from prepaid.settlement.reconcile import Check, Summary, reconcile

# The nightly job's name: the office shows when it was last run, by whomever.
JOB = "reconcile"


class Command(BaseCommand):
    help = "Audit the ledger, compare batches, look for silent terminals; exit 1 when something is open."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--json", action="store_true", help="print the result as JSON, progress on stderr"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        progress = self.stderr if options["json"] else self.stdout

        def tell(check: Check) -> None:
            progress.write(f"{check.looked_at:>7} {check.name}: {len(check.findings) or 'no'} findings")

        runs.begin(JOB, worker="manage.py", at=timezone.now())
        summary = reconcile(timezone.now(), tell=tell)
        runs.succeed(JOB, result=str(summary), at=timezone.now())
        if options["json"]:
            self.stdout.write(json.dumps(as_json(summary), indent=2, ensure_ascii=False))
        else:
            self.stdout.write(as_table(summary))
        if not summary.is_clean:
            sys.exit(1)


def as_json(summary: Summary) -> dict[str, Any]:
    """Give a run as JSON values."""
    return {
        "at": summary.at.isoformat(),
        "clean": summary.is_clean,
        "checks": [
            {"name": check.name, "looked_at": check.looked_at, "findings": len(check.findings)}
            for check in summary.checks
        ],
        "new": summary.new,
        "vanished": summary.vanished,
        "open": [
            {
                "id": str(exception.id),
                "kind": exception.kind,
                "severity": exception.severity,
                "subject": exception.subject,
                "key": exception.key,
                "found": exception.found,
                "detail": exception.detail,
                "first_seen_at": exception.first_seen_at.isoformat(),
                "last_seen_at": exception.last_seen_at.isoformat(),
                "seen": exception.vanished_at is None,
            }
            for exception in summary.open
        ],
    }


def as_table(summary: Summary) -> str:
    """Lay out what is open, one exception a paragraph: keys are long, and none may be cut."""
    if not summary.open:
        return "\nEverything agrees."
    lines = [""]
    for exception in summary.open:
        lines += [
            f"{exception.severity.upper():<8} {exception.kind}",
            f"         {exception.subject} {exception.key}",
            f"         {exception.found}",
            f"         first seen {exception.first_seen_at:%Y-%m-%d %H:%M} UTC{_state_of(exception)}",
            "",
        ]
    lines.append(
        f"Open exceptions: {len(summary.open)}, of them {summary.new} new; {summary.vanished} vanished now. "
        "A manager resolves them on the office page."
    )
    return "\n".join(lines)


def _state_of(exception: SettlementException) -> str:
    if exception.vanished_at is None:
        return ""
    return f", no longer found since {exception.vanished_at:%Y-%m-%d %H:%M} UTC"
