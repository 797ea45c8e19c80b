"""What a run prints: a line as each day ends, and at the end what was done, injected, named and found.

Knows layout; must not decide whether anything agrees.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from prepaid.money import Money, format_amount
from simulation.books import RACE, Books, list_faults, races_of
from simulation.chain import CURRENCY
from simulation.days import Night, Record, Worked
from simulation.load import Load
from simulation.plan import Plan
from simulation.script import Scene

DIFFERENCES_SHOWN_MAX = 40
AGREES = "the journals, the batches, the plan, the ledger and its audit"
PLANTED: dict[Scene, str] = {
    "wrong_pin": "wrong PIN typed",
    "too_much": "more than is on the card",
    "over_limit": "over the limit for one purchase",
    "replayed_sun": "cloned card: tap replayed",
    "copied_uid": "cloned card: UID copied",
    "forged_sun": "forged tap",
    "copied_chip": "cloned card: fails the challenge",
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


def load_lines(load: Load) -> list[str]:
    """Say how fast it was, and whether it still agrees."""
    within = ", ".join(f"{percent}% within {load.percentile_ms(percent):.1f} ms" for percent in (50, 95, 99))
    return [
        f"{len(load.took_ms)} redeems by {load.terminals} terminals in {load.seconds:.1f} s: "
        f"{load.per_second:.0f} a second, {within}.",
        *_verdict(load.differences, "the journals, the ledger and its audit"),
    ]


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
    offline = f"{said['approved offline']} offline (up to {money(peak)} at one terminal, {uploaded} uploaded)"
    return (
        f"day {day + 1}: {said['approved']} approved, {declined} declined, {offline}, {killed} killed, "
        f"{batches} batches balanced, {night.did.expired_holds} holds expired, {sum(night.open.values())} open"
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
    lines += _verdict(books.differences, AGREES)
    return lines


def _recovered(record: Record) -> list[str]:
    named = Counter(code for one in record.worked for code in list_faults(one))
    repeated = sum(told.attempts > 1 for one in record.worked for _, told in one.told)
    resolved = sum(one.opened.resolved for one in record.worked)
    uploaded = sum(one.opened.uploaded for one in record.worked)
    kills = sum(one.kills for one in record.worked)
    return [
        f"Terminals named to the office: {', '.join(f'{code} ({count})' for code, count in named.items())}.",
        f"Unknown outcomes: {repeated} found out by repeating the same id, {resolved} by the next shift, "
        f"{kills} after a kill.",
        f"Offline purchases: {uploaded} uploaded when the network was back.",
    ]


def _sums(books: Books) -> list[str]:
    lines = ["The journals of the terminals alone make"]
    lines += [f"  {money(books.opening_minor):>14}  first top-ups at the counter"]
    lines += [f"  {money(amount):>14}  {kind} ({count})" for kind, (count, amount) in books.sums.items()]
    lines += [f"  {money(books.expected_minor):>14}  owed to card holders"]
    lend = f", of which {money(-books.shortfall_minor)} is lent" if books.shortfall_minor else ""
    return [*lines, f"  {money(books.liability_minor - books.shortfall_minor):>14}  in the ledger{lend}"]


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
    races = races_of(record)
    for scene, title in PLANTED.items():
        if scene == "race_tap":
            told = [(sorted(said), RACE) for said in races.values()]
        else:
            told = [
                (list(told.said), list(visit.expected))
                for one in record.worked
                for visit, told in one.told
                if visit.scene == scene
            ]
        if not told:
            yield f"{title:<36}{0:>8}  {'-':>11}  not met in this run"
            continue
        met = sum(said == expected for said, expected in told)
        named = Counter(", ".join(said) for said, _ in told)
        yield f"{title:<36}{len(told):>8}  {met:>11}  {'; '.join(named)}"


def _verdict(differences: Sequence[str], agree: str) -> list[str]:
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
