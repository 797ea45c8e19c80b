"""The books: what journals, plan and ledger say of the same run, and every place where they differ.

Knows journals and read queries; must not mend anything. Amounts are minor units.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection

from prepaid.ledger.audit import audit, list_invariants
from prepaid.stores.models import TerminalFault
from simulation.chain import CURRENCY, TIMEZONE, Chain
from simulation.days import Record, Worked
from simulation.plan import Plan, instalment_of
from terminals.journal import Entry, Journal
from terminals.recovery import RECOVERED_FILE
from terminals.state import StateFolder

# What an approved transaction does to what is owed to card holders; a hold does nothing, nor its release.
SIGNS = {"load": 1, "refund": 1, "redeem": -1, "capture": -1}
NAMES = {"load": "top-ups", "redeem": "purchases", "capture": "holds captured", "refund": "refunds"}
UNDONE = {"load": "top-ups undone", "redeem": "purchases undone"}
BONUS = "bonus of top-ups, part by part"
UNDOES = ("void", "reversal")
AUDIT_FINDINGS_MAX = 5
# Which of the two wins is left to chance.
RACE = ["approved", "declined insufficient_funds"]


@dataclass(slots=True)
class Books:
    """Both sides, and where they differ: `differences` is empty when everything agrees.

    `sums` has of each kind how many there were and what they did to what is owed.
    """

    sums: dict[str, tuple[int, int]] = field(default_factory=dict)
    opening_minor: int = 0
    expected_minor: int = 0
    liability_minor: int = 0
    shortfall_minor: int = 0
    entries: int = 0
    invariants: int = 0
    differences: list[str] = field(default_factory=list)


def compare(chain: Chain, plan: Plan, record: Record) -> Books:
    """Compare everything once the last terminal has closed."""
    books = Books(opening_minor=sum(plan.openings.values()))
    entries = [entry for post in range(len(chain.posts)) for entry in _read_journal(chain, plan, post)]
    books.entries = len(entries)
    books.differences += compare_journals(chain, plan)
    _sum_up(books, plan, entries)
    books.differences += _compare_sums(books)
    books.differences += _compare_balances(chain, plan)
    books.differences += _compare_scenes(record)
    books.differences += _compare_nights(plan, record)
    books.differences += _compare_faults(plan, record)
    books.invariants = len(list_invariants())
    books.differences += [f"ledger audit: {one}" for one in audit(findings_max=AUDIT_FINDINGS_MAX)]
    return books


def compare_journals(chain: Chain, plan: Plan) -> list[str]:
    """Hold every journal to the site's answers: what is in one and not in the other, or differs."""
    return [
        difference
        for post, terminal in enumerate(chain.terminals)
        for difference in _compare_journal(terminal, _read_journal(chain, plan, post))
    ]


def _read_journal(chain: Chain, plan: Plan, post: int) -> list[Entry]:
    """Read a terminal's journal; of the one that died, the copy from which its successor sent the rest."""
    file = StateFolder(chain.posts[post].folder).journal_file
    if post == plan.promotion.failed:
        file = chain.posts[plan.promotion.spare].folder / RECOVERED_FILE
    journal = Journal(file, chain.terminals[post])
    try:
        return journal.list_last(10_000_000)
    finally:
        journal.close()


def _compare_journal(terminal: UUID, entries: list[Entry]) -> Iterator[str]:
    """Hold each entry of a journal to the stored answer with its id, and count what only one side has."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select answer.id, answer.outcome, answer.reason, answer.approved_amount, count(posted.id) "
            "from ledger_answer as answer left join ledger_transaction as posted on posted.id = answer.id "
            "where answer.origin_id = %s and answer.sequence is not null "
            "group by answer.id, answer.outcome, answer.reason, answer.approved_amount",
            [terminal],
        )
        stored = {row[0]: row[1:] for row in cursor.fetchall()}
    for entry in entries:
        name = f"{entry.type} {entry.id}"
        if entry.is_pending or entry.answer is None:
            yield f"{name} has no known outcome: {entry.state}"
            continue
        told = (entry.answer.outcome, entry.answer.reason, entry.answer.approved_amount)
        outcome, reason, amount, postings = stored.pop(entry.id, (None, None, None, 0))
        if told != (outcome, reason, amount):
            yield f"{name}: the journal says {told}, the site {(outcome, reason, amount)}"
        moved = entry.answer.money_moved == "yes"
        if postings > 1 or (moved and not postings):
            yield f"{name} is posted {postings} times"
    for unknown in stored:
        yield f"{unknown} is at the site and in no journal"


def _sum_up(books: Books, plan: Plan, entries: list[Entry]) -> None:
    """Add up the journals alone, which know nothing of the ledger; bonus follows from the offers' terms."""
    by_id = {entry.id: entry for entry in entries}
    approved = [entry for entry in entries if entry.answer is not None and entry.answer.outcome == "approved"]
    undone = {entry.original for entry in approved if entry.type in UNDOES}
    last_day = max(_day_of(entry) for entry in entries)
    made: dict[str, list[int]] = {name: [] for name in (*NAMES.values(), *UNDONE.values(), BONUS)}
    for entry in approved:
        assert entry.answer is not None, "it was approved"
        amount = entry.answer.approved_amount
        if entry.type in NAMES:
            made[NAMES[entry.type]].append(SIGNS[entry.type] * amount)
        elif entry.type in UNDOES and amount:
            original = by_id[entry.original] if entry.original else entry
            made[UNDONE[original.type]].append(-SIGNS[original.type] * amount)
        earned = instalment_of(amount) if entry.type == "load" and entry.id not in undone else 0
        # One part at once, and the other in the night of the next day, if there was one.
        made[BONUS] += [earned] * (2 if _day_of(entry) < last_day else 1) if earned else []
    gifts, expired = len(plan.people.gifts), sum(night.expired_lots for night in plan.nights)
    books.sums = {name: (len(amounts), sum(amounts)) for name, amounts in made.items()}
    books.sums["bonus of gifts"] = (gifts, plan.gift_bonus_minor)
    books.sums["bonus of gifts, expired"] = (expired, -plan.expired_minor)
    books.expected_minor = books.opening_minor + sum(amount for _, amount in books.sums.values())


def _day_of(entry: Entry) -> date:
    return entry.occurred_at.astimezone(ZoneInfo(TIMEZONE)).date()


def _compare_sums(books: Books) -> Iterator[str]:
    """What the journals say is owed must be what the ledger owes, less what it has lent."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select coalesce(sum(balance), 0)::bigint, coalesce(sum(shortfall), 0)::bigint "
            "from ledger_account where currency = %s",
            [CURRENCY],
        )
        books.liability_minor, books.shortfall_minor = cursor.fetchone()
    if books.expected_minor != books.liability_minor - books.shortfall_minor:
        yield (
            f"the journals make {books.expected_minor} owed to card holders, "
            f"the ledger {books.liability_minor} less shortfalls of {books.shortfall_minor}"
        )


def _compare_balances(chain: Chain, plan: Plan) -> Iterator[str]:
    with connection.cursor() as cursor:
        cursor.execute("select id, balance - shortfall, held from ledger_account")
        found = {row[0]: (int(row[1]), int(row[2])) for row in cursor.fetchall()}
    for card, account in enumerate(chain.accounts):
        planned, stored = (plan.balances[card], 0), found[account]
        if planned != stored:
            yield f"card {card} ({account}): planned balance and held {planned}, in the ledger {stored}"


def _compare_scenes(record: Record) -> Iterator[str]:
    for worked in record.worked:
        for visit, told in worked.told:
            if visit.race < 0 and tuple(told.said) != visit.expected:
                yield f"visit {visit.number} ({visit.scene}): expected {visit.expected}, told {told.said}"
        shift, closed = worked.shift, worked.closed
        is_balanced = closed is not None and closed.is_balanced is True
        if shift.is_online and shift.closes_batch and not is_balanced:
            yield f"terminal {shift.terminal} closed no balanced batch on day {shift.day + 1}"
    for race, said in races_of(record).items():
        if sorted(said) != RACE:
            yield f"race {race}: one is approved and one is not, and they were told {said}"


def races_of(record: Record) -> dict[int, list[str]]:
    """Give what both terminals were told that spent from one card at the same moment."""
    races: dict[int, list[str]] = {}
    for worked in record.worked:
        for visit, told in worked.told:
            if visit.race >= 0:
                races.setdefault(visit.race, []).extend(told.said)
    return races


def _compare_nights(plan: Plan, record: Record) -> Iterator[str]:
    """Each night does what is due; the last one finds just what was planted, and nothing beside it."""
    planted = Counter({kind: count for kind, count in plan.findings.items() if count})
    found = record.nights[-1].open
    if planted != found:
        yield f"planted for reconciling: {dict(planted)}; found: {dict(found)}"
    for day, (planned, night) in enumerate(zip(plan.nights, record.nights, strict=True)):
        if planned != night.did:
            yield f"night {day + 1}: planned {planned}, done {night.did}"


def _compare_faults(plan: Plan, record: Record) -> Iterator[str]:
    """The office hears of each fault that a terminal named, once; not of what died with one, untold."""
    named = Counter(
        code for worked in record.worked if not died_with(plan, worked) for code in list_faults(worked)
    )
    heard = Counter(TerminalFault.objects.values_list("code", flat=True))
    if named != heard:
        yield f"the terminals named {dict(named)}, the office heard of {dict(heard)}"


def died_with(plan: Plan, worked: Worked) -> bool:
    """Tell whether what a shift noted for the office was never told: its terminal died without a network."""
    return worked.shift.post == plan.promotion.failed and not worked.shift.is_online


def list_faults(worked: Worked) -> list[str]:
    """List the codes of the faults that a terminal named in a shift."""
    ends = [*worked.opened.faults, *(worked.closed.faults if worked.closed else [])]
    return [*ends, *(code for _, told in worked.told for code in told.faults)]
