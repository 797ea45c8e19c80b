"""Why presentations failed, ranked; and operators who meet far more of it than the others.

Knows faults as terminals told them; must not know screens. The rule OPS-TRN-01 stands here alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from django.db import connection
from django.db.models import Count, QuerySet

from prepaid.stores.models import TerminalFault
from terminals.faults import CAUSES, OF_THE_USER, is_of_a_presentation

Dimension = Literal["code", "operator", "agent_version"]
DIMENSIONS: tuple[Dimension, ...] = ("code", "operator", "agent_version")
ROWS_MAX = 10
# OPS-TRN-01: over three times the rate of the others, with enough of both to mean something.
PEER_FACTOR = 3
FAULTS_MIN = 10
PEER_ATTEMPTS_MIN = 30


@dataclass(frozen=True, slots=True)
class Ranked:
    """A cause, operator or version: how often, and its share in per cent, alone and added up."""

    name: str
    count: int
    share: int
    cumulative: int


@dataclass(frozen=True, slots=True)
class Trainee:
    """An operator for whom OPS-TRN-01 holds: faults in so many attempts, and those of the others."""

    operator: str
    faults: int
    attempts: int
    peer_faults: int
    peer_attempts: int


def rank_faults(dimension: Dimension, *, since: datetime, until: datetime) -> list[Ranked]:
    """Rank what kept cards and codes from being read, most frequent first; the tail is one nameless row."""
    counted = _presentations(since, until).values_list(dimension).annotate(number=Count("id"))
    counts = Counter(dict(counted.order_by("-number", dimension)))
    whole = sum(counts.values())
    first = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    rows, rest = first[:ROWS_MAX], sum(number for _, number in first[ROWS_MAX:])
    if rest:
        rows = [*rows, ("", rest)]
    ranked, sum_until = [], 0
    for name, number in rows:
        sum_until += number
        ranked.append(Ranked(name, number, round(100 * number / whole), round(100 * sum_until / whole)))
    return ranked


def list_trainees(*, since: datetime, until: datetime) -> list[Trainee]:
    """List operators who meet over three times as many of the user's faults as the others do (OPS-TRN-01)."""
    told = TerminalFault.objects.filter(at__gte=since, at__lte=until, code__in=OF_THE_USER).exclude(
        operator=""
    )
    faults = Counter(dict(told.values_list("operator").annotate(number=Count("id")).order_by()))
    return find_trainees(faults, _count_answers(since, until))


def find_trainees(faults: Mapping[str, int], answers: Mapping[str, int]) -> list[Trainee]:
    """Apply the rule to faults and answered transactions by operator; each of either was an attempt."""
    attempts = {
        operator: faults.get(operator, 0) + answers.get(operator, 0) for operator in {*faults, *answers}
    }
    found = []
    for operator, own in attempts.items():
        peer_attempts = sum(attempts.values()) - own
        peer_faults = sum(faults.values()) - faults.get(operator, 0)
        count = faults.get(operator, 0)
        if count < FAULTS_MIN or peer_attempts < PEER_ATTEMPTS_MIN:
            continue
        # Multiplied out, so that no rate is rounded; peers without any fault count as having had one.
        if count * peer_attempts > PEER_FACTOR * max(peer_faults, 1) * own:
            found.append(Trainee(operator, count, own, peer_faults, peer_attempts))
    return sorted(found, key=lambda each: (-each.faults, each.operator))


def first_id_at(at: datetime) -> UUID:
    """Give the lowest UUIDv7 of a moment: ids are in the order of their time, and indexed."""
    return UUID(int=(int(at.timestamp() * 1000) << 80) | (7 << 76) | (2 << 62))


def _presentations(since: datetime, until: datetime) -> QuerySet[TerminalFault]:
    codes = [code for code in CAUSES if is_of_a_presentation(code)]
    return TerminalFault.objects.filter(at__gte=since, at__lte=until, code__in=codes)


def _count_answers(since: datetime, until: datetime) -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "select operator, count(*) from ledger_answer where id >= %s and id < %s and operator <> '' "
            "group by operator",
            [first_id_at(since), first_id_at(until)],
        )
        return dict(cursor.fetchall())
