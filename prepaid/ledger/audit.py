"""The ledger audit: every query of its two files, and the rows that should not be there.

Knows how the file is divided; must not mend anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from django.db import connection, transaction

from prepaid.ledger.loading import read_tables

FILES = ("ledger/sql/audit.sql", "ledger/sql/audit_stored_value.sql")


@dataclass(frozen=True, slots=True)
class AuditFinding:
    """A row that breaks an invariant: which one, what kind of row, its key, and what was found there."""

    invariant: str
    subject: str
    key: str
    found: str

    def __str__(self) -> str:
        return f"{self.invariant}: {self.subject} {self.key}: {self.found}"


def list_invariants() -> list[tuple[str, str]]:
    """List the audit's queries as (name, SQL)."""
    listed = []
    for file in FILES:
        parts = re.split(r"^-- name: (\w+)$", read_tables(file), flags=re.MULTILINE)
        named = zip(parts[1::2], parts[2::2], strict=True)
        listed += [(name, query.strip().rstrip(";")) for name, query in named]
    return listed


def audit(*, findings_max: int = 1000) -> Iterator[AuditFinding]:
    """Run the whole audit on one snapshot and give what it finds, at most `findings_max` for each invariant.

    Locks nothing; reads every account, so that it belongs into a job or a test.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        if not connection.savepoint_ids:
            cursor.execute("set transaction isolation level repeatable read, read only")
        cursor.execute("set local statement_timeout = 0")
        for name, query in list_invariants():
            cursor.execute(query + f" limit {findings_max:d}")
            for subject, key, found in cursor.fetchall():
                yield AuditFinding(name, subject, key, found)
