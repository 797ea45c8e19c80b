"""What a run prints: a line as each day ends, and at the end what was done, injected, named and found.

Knows layout; must not decide whether anything agrees.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from prepaid.money import Money, format_amount
from simulation.books import Books, list_faults
from simulation.chain import CURRENCY
from simulation.days import Night, Record, Worked
from simulation.plan import Plan, Scene

DIFFERENCES_SHOWN_MAX = 40
PLANTED: dict[Scene, str] = {
    "wrong_pin": "wrong PIN typed",
    "too_much": "more than is on the card",
    "over_limit": "over the limit for one purchase",
    "replayed_sun": "cloned card: tap replayed",
    "copied_uid": "cloned card: UID copied",
    "forged_sun": "forged tap",
    "lost_card": "card reported lost",
    "pulled_away": "card pulled away while read",
    "cut_request": "network cut in a request",
    "cut_answer": "network cut in an answer",
    "torn_tap": "torn tap, another card between",
    "reversal": "no answer, cancelled",
    "reversal_unsent": "nothing arrived, cancelled",
    "kill_before": "terminal killed before sending",
    "kill_after": "terminal killed before the answer",
    "race_tap": "one card at two terminals at once",
    "offline_keyed": "offline: number typed",
    "offline_top_up": "offline: top-up",
    "offline_over": "offline: over the limit",
    "offline_clone": "offline: tap replayed",
    "offline_poor": "offline: more than is on the card",
    "offline_lost": "offline: lost card",
}


def money(amount_minor: int) -> str:
    """Write an amount of the chain's currency."""
    return format_amount(Money(amount_minor, CURRENCY))


def day_line(day: int, worked: Sequence[Worked], night: Night) -> str:
    """Say how a day went, in one line."""
    said = count_said(worked)
    declined = sum(count for text, count in said.items() if text.startswith("declined"))
    waiting = [told for one in worked for _, told in one.told if told.waiting_count]
    peak = max((told.waiting_minor for told in waiting), default=0)
    uploaded = sum(one.opened.uploaded for one in worked)
    batches = sum(bool(one.closed and one.closed.is_balanced) for one in worked)
    killed = sum(one.kills for one in worked)
    return (
        f"day {day + 1}: {said['approved']} approved, {declined} declined, {killed} killed, "
        f"{said['approved offline']} offline (at most {money(peak)} waiting at one terminal, {uploaded} uploaded), "
        f"{batches} batches balanced, {night.expired_holds} holds expired, {sum(night.open.values())} open"
    )


def count_said(worked: Iterable[Worked]) -> Counter[str]:
    """Count what people were told, step by step."""
    return Counter(said for one in worked for _, told in one.told for said in told.said)


def write_report(plan: Plan, record: Record, books: Books) -> list[str]:
    """Write the report."""
    lines = ["", "What people were told, over all days"]
    lines += [f"  {count:>6}  {said}" for said, count in count_said(record.worked).most_common()]
    lines += ["", f"{'Faults and frauds':<36}{'planted':>8}  {'as expected':>11}  what was named"]
    lines += list(_planted(record))
    lines += ["", *_recovered(record), "", *_sums(books), "", *_found(plan, record, books)]
    lines += _verdict(books)
    return lines


def _recovered(record: Record) -> list[str]:
    named = Counter(code for one in record.worked for code in list_faults(one))
    repeated = sum(told.attempts > 1 for one in record.worked for _, told in one.told)
    resolved = sum(one.opened.resolved for one in record.worked)
    uploaded = sum(one.opened.uploaded for one in record.worked)
    kills = sum(one.kills for one in record.worked)
    return [
        f"Terminals named to the office: {', '.join(f'{code} ({count})' for code, count in named.items())}.",
        f"Outcomes that were unknown: {repeated} found by repeating the same id, {resolved} by the next shift, "
        f"{kills} after a kill.",
        f"Offline purchases: {uploaded} uploaded when the network was back.",
    ]


def _sums(books: Books) -> list[str]:
    lines = ["The journals of the terminals alone make"]
    lines += [f"  {money(books.opening_minor):>14}  first top-ups at the counter"]
    lines += [f"  {money(amount):>14}  {kind} ({count})" for kind, (count, amount) in books.sums.items()]
    owes = f"the ledger owes {money(books.liability_minor)}, less shortfalls of {money(books.shortfall_minor)}"
    return [*lines, f"  {money(books.expected_minor):>14}  owed to card holders; {owes}"]


def _found(plan: Plan, record: Record, books: Books) -> list[str]:
    planted = {kind: count for kind, count in plan.findings.items() if count}
    return [
        f"Reconciling found {_listed(record.nights[-1].open)}; planted were {_listed(planted)}.",
        f"{books.entries} journal entries were held to the site's answers, {len(plan.balances)} balances to "
        f"the plan, and {books.invariants} invariants were audited.",
    ]


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items())) or "nothing"


def _planted(record: Record) -> Iterable[str]:
    for scene, title in PLANTED.items():
        visits = [
            (visit, told) for one in record.worked for visit, told in one.told if visit.scene == scene
        ]
        if not visits:
            yield f"{title:<36}{0:>8}  {'-':>11}  not met in this run"
            continue
        met = sum(tuple(told.said) == visit.expected or visit.race >= 0 for visit, told in visits)
        named = Counter(", ".join(told.said) for _, told in visits)
        yield f"{title:<36}{len(visits):>8}  {met:>11}  {'; '.join(named)}"


def _verdict(books: Books) -> list[str]:
    if not books.differences:
        return ["", "Everything agrees: journals, batches, plan, ledger and audit."]
    shown = books.differences[:DIFFERENCES_SHOWN_MAX]
    more = len(books.differences) - len(shown)
    return [
        "",
        f"NOT everything agrees: {len(books.differences)} differences.",
        *(f"  {difference}" for difference in shown),
        *([f"  and {more} more"] if more else []),
    ]
