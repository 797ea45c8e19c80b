"""The faults of a terminal, kept in its journal until a heartbeat has told them.

Knows the table of faults; must not know what a code means or when it is told.
"""

from __future__ import annotations

from datetime import datetime

from terminals import messages
from terminals.journal_file import JournalFile

FAULTS_KEPT = 1000


class FaultLog(JournalFile):
    """What went wrong, oldest first."""

    def record_fault(self, fault: messages.Fault) -> None:
        """Note a fault for the next heartbeat; the oldest beyond a thousand are forgotten."""
        with self._atomic() as database:
            database.execute(
                "insert into fault (code, at, entry, operator, detail) values (?, ?, ?, ?, ?)",
                (
                    fault.code,
                    fault.at.isoformat(),
                    fault.entry,
                    fault.operator,
                    (fault.detail or "")[:500] or None,
                ),
            )
            database.execute(
                "delete from fault where number <= (select max(number) from fault) - ?", (FAULTS_KEPT,)
            )

    def list_untold_faults(self, limit: int = 200) -> list[tuple[int, messages.Fault]]:
        """List the faults that no heartbeat has told yet, oldest first, with their numbers."""
        rows = self._rows(
            "select number, code, at, entry, operator, detail from fault"
            " where not is_told order by number limit ?",
            (limit,),
        )
        return [
            (row[0], messages.Fault(code=row[1], at=row[2], entry=row[3], operator=row[4], detail=row[5]))
            for row in ((*row[:2], datetime.fromisoformat(row[2]), *row[3:]) for row in rows)
        ]

    def mark_faults_told(self, last_number: int) -> None:
        """Note that faults up to this number are known to the site."""
        self._change("update fault set is_told = 1 where number <= ?", (last_number,))
