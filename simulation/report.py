"""What a run prints: a line as each day ends, and at the end what was done, planted, recovered and found.

Knows layout; must not decide whether anything agrees.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from prepaid.money import Money, format_amount
from simulation.books import RACE, Books, died_with, list_faults, races_of
from simulation.chain import CURRENCY
from simulation.days import Night, Record, Worked
from simulation.load import Load
from simulation.plan import Plan
from simulation.script import GOOD, PLANTED, Scene

DIFFERENCES_SHOWN_MAX = 40
AGREES = "the journals, the batches, the plan, the ledger and its audit"
DAYS_HEAD = (
    "           approved  declined  offline  uploaded  killed  batches   bonus  expired   open\n"
    "                                                         balanced    paid    holds  cases"
)


def load_lines(load: Load) -> list[str]:
    """Say how fast it was, and whether it still agrees."""
    return [
        f"{len(load.took_ms)} redeems by {load.terminals} terminals in {load.seconds:.1f} s: "
        f"{load.per_second:.0f} a second, {within(load.took_ms)}.",
        *_verdict(load.differences, "the journals, the ledger and its audit"),
    ]


def within(took_ms: Sequence[float]) -> str:
    """Say within how many milliseconds half, 95 and 99 percent of them stayed."""
    ordered = sorted(took_ms)
    ends = {
        percent: ordered[min(len(ordered) - 1, len(ordered) * percent // 100)] for percent in (50, 95, 99)
    }
    return ", ".join(f"{percent}% within {ms:.0f} ms" for percent, ms in ends.items())


def money(amount_minor: int) -> str:
    """Write an amount of the chain's currency."""
    return format_amount(Money(amount_minor, CURRENCY))


def day_line(day: int, worked: Sequence[Worked], night: Night) -> str:
    """Say how a day and its night went, in one line under DAYS_HEAD."""
    said = Counter(said for one in worked for _, told in one.told for said in told.said)
    declined = sum(count for text, count in said.items() if text.startswith("declined"))
    killed = sum(one.kills for one in worked)
    approved = said["approved"] + said["approved in part"]
    closing = [one for one in worked if one.shift.closes_batch]
    balanced = sum(bool(one.closed and one.closed.is_balanced) for one in closing)
    return (
        f"day {day + 1:<6}{approved:>9}{declined:>10}"
        f"{said['approved offline']:>9}{sum(map(uploaded_by, worked)):>10}{killed:>8}"
        f"{f'{balanced}/{len(closing)}':>9}{night.did.instalments:>8}{night.did.expired_holds:>9}"
        f"{sum(night.open.values()):>7}"
    )


def uploaded_by(worked: Worked) -> int:
    """Count what a terminal told of its offline purchases, or of another's, when the network was back."""
    return worked.opened.uploaded + worked.opened.recovered


def write_report(plan: Plan, record: Record, books: Books) -> list[str]:
    """Write the report."""
    return [
        *_scenes("Good days", GOOD, record),
        *_scenes("Bad days", PLANTED, record),
        "",
        *_recovered(plan, record),
        "",
        *_sums(books),
        "",
        *_found(plan, record, books),
        *_verdict(books.differences, AGREES),
    ]


def _scenes(title: str, titles: Mapping[Scene, str], record: Record) -> Iterator[str]:
    """List scenes: how many there were, how many went as they must, what people were told step by step."""
    races, visits = races_of(record), dict[Scene, list[tuple[list[str], list[str]]]]()
    for visit, told in (pair for one in record.worked for pair in one.told):
        visits.setdefault(visit.scene, []).append((told.said, list(visit.expected)))
    visits["race_tap"] = [(sorted(said), RACE) for said in races.values()]
    yield from ("", f"{title:<36}{'planned':>8}  {'as planned':>10}  told")
    for scene, name in titles.items():
        played = visits.get(scene, [])
        met = sum(said == expected for said, expected in played)
        named = dict.fromkeys(", ".join(said) for said, _ in played)
        yield f"{name:<36}{len(played):>8}  {met if played else '-':>10}  {'; '.join(named)}".rstrip()


def _recovered(plan: Plan, record: Record) -> list[str]:
    named = Counter(code for one in record.worked if not died_with(plan, one) for code in list_faults(one))
    told = [told for one in record.worked for _, told in one.told]
    repeated = sum(one.attempts > 1 for one in told)
    resolved = sum(one.opened.resolved for one in record.worked)
    kills = sum(one.kills for one in record.worked)
    peak = max(told, key=lambda one: one.waiting_minor)
    uploaded = sum(one.opened.uploaded for one in record.worked)
    recovered = sum(one.opened.recovered for one in record.worked)
    took_ms = [ms for one in told for ms in one.took_ms]
    return [
        f"Answered at once, from the card on the reader to the answer: {within(took_ms)}.",
        f"Unknown outcomes found out: {repeated} by repeating the same id, {kills} after a kill, "
        f"{resolved} by the next shift.",
        f"Told when the network was back: {uploaded} transactions by the terminal itself, {recovered} by the "
        "spare from the journal of one that died.",
        f"At most {money(peak.waiting_minor)} in {peak.waiting_count} purchases waited at one terminal.",
        f"Faults that the office was told: {_listed(named)}.",
    ]


def _sums(books: Books) -> list[str]:
    lines = [
        "What the journals of the terminals alone make",
        f"  {money(books.opening_minor):>14}  first top-ups",
    ]
    for name, (count, amount) in books.sums.items():
        lines.append(f"  {money(amount):>14}  {name} ({count})")
    lent = f"; {money(books.shortfall_minor)} of it is lent" if books.shortfall_minor else ""
    return [
        *lines,
        f"  {money(books.expected_minor):>14}  owed to card holders",
        f"  {money(books.liability_minor - books.shortfall_minor):>14}  in the ledger{lent}",
    ]


def _found(plan: Plan, record: Record, books: Books) -> list[str]:
    planted = {kind: count for kind, count in plan.findings.items() if count}
    return [
        f"Reconciling found {_listed(record.nights[-1].open)}; planted: {_listed(planted)}.",
        f"{books.entries} journal entries were held to the site's answers, {len(plan.balances)} balances to "
        f"the plan, and {books.invariants} invariants were audited.",
    ]


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items())) or "nothing"


def _verdict(differences: Sequence[str], agree: str) -> Iterable[str]:
    if not differences:
        return ["", f"Everything agrees: {agree}."]
    shown = differences[:DIFFERENCES_SHOWN_MAX]
    more = len(differences) - len(shown)
    return [
        "",
        f"NOT everything agrees: {len(differences)} differences.",
        *(f"  {difference}" for difference in shown),
        *([f"  and {more} more"] if more else []),
    ]
