"""The outbox: postings that the daily sums do not hold yet.

Knows how it is folded; must not know what the sums are for.
"""

from __future__ import annotations

from django.db import connection

ROWS_A_COMMIT = 1000
COMMITS_MAX = 100


def fold_outbox() -> int:
    """Fold what waits into the daily sums, 1,000 rows a commit, and count the rows folded.

    Safe beside itself. At most 100 commits a call: what comes in faster is left for the next one.
    """
    folded = 0
    with connection.cursor() as cursor:
        for _ in range(COMMITS_MAX):
            cursor.execute("select ledger_fold_outbox(%s)", [ROWS_A_COMMIT])
            count = int(cursor.fetchone()[0])
            folded += count
            if count < ROWS_A_COMMIT:
                break
    return folded
