"""What a terminal said of a range of its sequences, beside what is stored of it.

Knows totals, differences and gaps; must not store or mend anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from uuid import UUID

from django.db import connection
from django.db.models import Count, Q, Sum
from django.db.models.functions import Coalesce

from prepaid.ledger.models import LedgerAnswer
from prepaid.money import UNITS, Money, format_amount

Totals = dict[str, dict[str, int]]
Differences = dict[str, dict[str, dict[str, int]]]
MISSING_SHOWN_MAX = 1000
NOTHING = {"count": 0, "amount": 0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Both sides of a batch. `unexplained` is how many missing sequences no reversal accounts for."""

    counted: Totals
    differences: Differences
    missing: list[int]
    missing_count: int
    unexplained: int

    @property
    def is_balanced(self) -> bool:
        """Say whether both sides have the same totals."""
        return not self.differences


def compare(terminal_id: UUID, *, first: int, last: int, told: Totals) -> Comparison:
    """Compare what a terminal told of its sequences `first` to `last` with the stored answers. Minor units.

    A reversal of something that never arrived leaves one sequence missing for good: it explains one.
    """
    counted = count_totals(terminal_id, first=first, last=last)
    missing, missing_count = find_missing(terminal_id, first=first, last=last)
    explained = count_reversed_unseen(terminal_id, first=first, last=last) if missing_count else 0
    return Comparison(
        counted=counted,
        differences=differ(told, counted),
        missing=missing,
        missing_count=missing_count,
        unexplained=max(missing_count - explained, 0),
    )


def count_totals(terminal_id: UUID, *, first: int, last: int) -> Totals:
    """Count what was approved in a range of a terminal's sequences: `{type: {"count", "amount"}}`.

    Visits, minutes and privileges are counted and never added to money.
    """
    money = ~Q(currency__in=UNITS) | Q(currency=None)
    rows = (
        LedgerAnswer.objects.filter(origin_id=terminal_id, sequence__range=(first, last), outcome="approved")
        .values("type")
        .annotate(count=Count("id"), amount=Coalesce(Sum("approved_amount", filter=money), 0))
        .order_by("type")
    )
    return {str(row["type"]): {"count": row["count"], "amount": int(row["amount"])} for row in rows}


def differ(told: Mapping[str, Mapping[str, int]], counted: Mapping[str, Mapping[str, int]]) -> Differences:
    """Give both sides of each type that differs; a type that one side leaves out counts as nothing."""
    return {
        kind: {"terminal": dict(told.get(kind, NOTHING)), "site": dict(counted.get(kind, NOTHING))}
        for kind in sorted({*told, *counted})
        if dict(told.get(kind, NOTHING)) != dict(counted.get(kind, NOTHING))
    }


def find_missing(terminal_id: UUID, *, first: int, last: int) -> tuple[list[int], int]:
    """Find the sequences of a range that have no stored answer: the first of them, and how many in all."""
    with connection.cursor() as cursor:
        cursor.execute(_GAPS, {"origin": terminal_id, "first": first, "last": last})
        gaps = cursor.fetchall()
    count = sum(end - begin + 1 for begin, end in gaps)
    return list(_first_of(gaps)), count


def count_reversed_unseen(terminal_id: UUID, *, first: int, last: int) -> int:
    """Count the reversals in a range whose original never arrived: its answer is a bare tombstone."""
    with connection.cursor() as cursor:
        cursor.execute(_TOMBSTONES, {"origin": terminal_id, "first": first, "last": last})
        return int(cursor.fetchone()[0])


def describe(differences: Differences, currency: str) -> str:
    """Say differences in one line: `redeem: terminal 2 of ¥18.00, site 3 of ¥27.00`."""
    return "; ".join(
        f"{kind}: terminal {_say(sides['terminal'], currency)}, site {_say(sides['site'], currency)}"
        for kind, sides in differences.items()
    )


def _say(total: Mapping[str, int], currency: str) -> str:
    return f"{total['count']} of {format_amount(Money(total['amount'], currency))}"


def _first_of(gaps: Iterable[tuple[int, int]]) -> Iterator[int]:
    left = MISSING_SHOWN_MAX
    for begin, end in gaps:
        yield from range(begin, min(end + 1, begin + left))
        left -= min(end + 1 - begin, left)
        if not left:
            return


# The gaps between stored sequences: as many rows as there are gaps, however long the range.
_GAPS = """
select before + 1, sequence - 1
from (
    select sequence, lag(sequence, 1, %(first)s::bigint - 1) over (order by sequence) as before
    from (
        select sequence from ledger_answer
        where origin_id = %(origin)s and sequence between %(first)s and %(last)s
        union all select %(last)s::bigint + 1
    ) as stored
) as beside
where sequence > before + 1
order by before
"""

_TOMBSTONES = """
select count(distinct reversal.original_id)
from ledger_answer as reversal
join ledger_answer as original on original.id = reversal.original_id and original.digest is null
where reversal.origin_id = %(origin)s and reversal.sequence between %(first)s and %(last)s
    and reversal.type = 'reversal' and reversal.outcome = 'approved'
"""
