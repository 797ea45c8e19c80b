"""The journal: what this terminal asked of the site, written before it is sent, and what was answered.

Knows SQLite and the states of an entry; must not know the network, a card or a screen.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

import msgspec

from terminals import messages
from terminals.amounts import UNITS
from terminals.identifiers import rrn_of
from terminals.journal_faults import FaultLog

State = Literal["written", "sent", "unresolved", "parked", "cancelled", "stand_in", "answered", "refused"]
TORN = ("written", "sent", "unresolved")
_UNITS = tuple(UNITS)
_COLUMNS = """sequence, id, type, amount, currency, original, operator, occurred_at, state, content, body,
    attempts, code, answer, card_mark, grant_id"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One transaction of this terminal; `body` is what to send, None once the outcome is known."""

    sequence: int
    id: UUID
    type: messages.TransactionType
    amount_minor: int | None
    currency: str | None
    original: UUID | None
    operator: str | None
    occurred_at: datetime
    state: State
    content: bytes
    body: bytes | None
    attempts: int
    code: str | None
    answer: messages.Answer | None
    card_mark: str | None
    grant_id: str | None

    @property
    def is_pending(self) -> bool:
        """Tell whether the site has still to answer it."""
        return self.body is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A range of sequences whose totals are told to the site; `answer` is None until it has compared."""

    first_sequence: int
    last_sequence: int
    body: bytes
    answer: messages.BatchAnswer | None


class Journal(FaultLog):
    """The journal of one terminal, usable from several threads; only one agent may open it for writing."""

    def write(self, make: Callable[[int], messages.Transaction], *, card_mark: str | None = None) -> Entry:
        """Write a transaction with the next sequence, in one commit; it may be sent when this returns."""
        with self._atomic() as database:
            return self._insert(database, make, card_mark)

    def approve_offline(
        self, entry_id: UUID, body: bytes, *, grant_id: UUID, amount_minor: int, code: str | None
    ) -> None:
        """Note that this terminal approved an entry by itself: `body` is the advice that tells the site.

        `code` is what kept the site from being asked.
        """
        self._note(
            "update entry set state = 'stand_in', body = ?, grant_id = ?, outcome = 'approved', approved = ?,"
            " code = ? where id = ? and state in ('written', 'sent')",
            (body, str(grant_id), amount_minor, code, str(entry_id)),
        )

    def park(self, entry_id: UUID) -> None:
        """Put an entry without a known outcome aside: it is resolved later, and holds nothing up."""
        self._note(
            "update entry set state = 'parked' where id = ? and state in ('written', 'sent', 'unresolved')",
            (str(entry_id),),
        )

    def cancel(self, entry_id: UUID, make_reversal: Callable[[int], messages.Reversal]) -> Entry:
        """Mark an entry cancelled and write its reversal, in one commit; the reversal returns.

        A repeat gives the reversal that is there already.
        """
        with self._noting() as database:
            database.execute(
                "update entry set state = 'cancelled' where id = ? and body is not null", (str(entry_id),)
            )
            row = database.execute(
                f"select {_COLUMNS} from entry where original = ? and type = 'reversal'", (str(entry_id),)
            ).fetchone()
            return _entry(row) if row else self._insert(database, make_reversal)

    def mark_sent(self, entry_id: UUID) -> None:
        """Note that the next instruction may send it: from here on a crash leaves its outcome unknown."""
        self._note(
            "update entry set attempts = attempts + 1,"
            " state = case state when 'written' then 'sent' else state end where id = ?",
            (str(entry_id),),
        )

    def mark_unresolved(self, entry_id: UUID, code: str) -> None:
        """Note that it was sent and no answer came."""
        self._note(
            "update entry set code = ?,"
            " state = case when state in ('cancelled', 'parked') then state else 'unresolved' end"
            " where id = ? and body is not null",
            (code, str(entry_id)),
        )

    def note_code(self, entry_id: UUID, code: str) -> None:
        """Note what kept an entry from being answered."""
        self._note("update entry set code = ? where id = ? and body is not null", (code, str(entry_id)))

    def mark_answered(self, entry_id: UUID, answer: messages.Answer, raw: bytes) -> None:
        """Store the site's answer and erase the body with what the card proved itself with."""
        self._note(
            "update entry set state = 'answered', body = null, answer = ?, outcome = ?, approved = ?,"
            " code = ?, answered_at = ? where id = ? and body is not null",
            (raw, answer.outcome, answer.approved_amount, answer.reason, _now(), str(entry_id)),
        )

    def mark_told(self, answers: Sequence[tuple[UUID, messages.Answer | messages.Problem, bytes]]) -> None:
        """Store what the site answered to advices, in one commit: an answer, or why it never takes it."""
        with self._noting() as database:
            for entry_id, told, raw in answers:
                if isinstance(told, messages.Answer):
                    state, code, answer = "answered", told.reason, raw
                    outcome, approved = told.outcome, told.approved_amount
                else:
                    state, code, answer, outcome, approved = "refused", told.code, None, None, None
                database.execute(
                    "update entry set state = ?, body = null, answer = ?, outcome = ?, approved = ?,"
                    " code = ?, answered_at = ? where id = ? and state = 'stand_in'",
                    (state, answer, outcome, approved, code, _now(), str(entry_id)),
                )

    def mark_refused(self, entry_id: UUID, code: str) -> None:
        """Note that the site will never take it: nothing moved by it, and it is not sent again."""
        self._note(
            "update entry set state = 'refused', body = null, code = ?, answered_at = ?"
            " where id = ? and body is not null",
            (code, _now(), str(entry_id)),
        )

    def find(self, entry_id: UUID) -> Entry | None:
        """Give the entry with this id."""
        return self._first("where id = ?", (str(entry_id),))

    def find_by_rrn(self, rrn: str) -> UUID | None:
        """Give the newest transaction with this RRN; spaces, hyphens and case do not matter."""
        folded = rrn.upper().replace("-", "").replace(" ", "").translate(str.maketrans("OIL", "011"))
        ids = [UUID(row[0]) for row in self._rows("select id from entry order by sequence desc", ())]
        return next((known for known in ids if rrn_of(known) == folded), None)

    def find_reversal(self, original: UUID) -> Entry | None:
        """Give the reversal written for an entry."""
        return self._first("where original = ? and type = 'reversal'", (str(original),))

    def list_pending(self) -> list[Entry]:
        """List what the site has not answered: reversals before what they cancel, else oldest first."""
        return self._entries("where body is not null order by state = 'cancelled', sequence", ())

    def list_unknown(self) -> list[Entry]:
        """List what is pending and was not approved offline, in the order of list_pending."""
        return self._entries(
            "where body is not null and state <> 'stand_in' order by state = 'cancelled', sequence", ()
        )

    def find_torn(self) -> Entry | None:
        """Give the oldest entry that began and whose outcome nobody here knows, unless it was parked.

        A reversal is none: it can be repeated at any time.
        """
        marks = ", ".join("?" * len(TORN))
        pending = "where body is not null and state <> 'stand_in' and type <> 'reversal'"
        return self._first(f"{pending} and state in ({marks}) order by sequence limit 1", TORN)

    def find_unshown(self) -> Entry | None:
        """Give the last redeem, load or hold where it was approved, nobody was told so, and it stands."""
        newest = "select max(sequence) from entry where type in ('redeem', 'load', 'hold')"
        stands = "id not in (select original from entry where original is not null)"
        return self._first(
            f"where sequence = ({newest}) and outcome = 'approved' and is_shown = 0 and {stands}"
        )

    def mark_shown(self, entry_id: UUID) -> None:
        """Note that the person at the terminal has seen the outcome."""
        self._change("update entry set is_shown = 1 where id = ?", (str(entry_id),))

    def list_stand_in(self, limit: int) -> list[Entry]:
        """List what was approved offline and is not told yet: reversals first, then oldest first."""
        return self._entries(
            "where body is not null and state = 'stand_in' order by type <> 'reversal', sequence limit ?",
            (limit,),
        )

    def exposure(self) -> messages.QueueState:
        """Count what was sold offline and is not told yet, its sum in minor units and its oldest time."""
        return self._queue_state(
            "where state = 'stand_in' and type = 'redeem'"
            " and id not in (select original from entry where type = 'reversal' and outcome = 'approved')"
        )

    def last_sold_offline_at(self) -> datetime | None:
        """Give the latest time of what was approved offline and is not told yet."""
        ((last,),) = self._rows("select max(occurred_at) from entry where state = 'stand_in'", ())
        return datetime.fromisoformat(last) if last else None

    def stand_in_use(self, grant_id: UUID, card_mark: str) -> tuple[int, int, int]:
        """Count what was sold offline, not told yet or under this grant: how many, sum, one card's sum."""
        [(count, amount, of_card)] = self._rows(
            """select count(*), coalesce(sum(approved), 0),
                      coalesce(sum(approved) filter (where card_mark = ?), 0)
               from entry where type = 'redeem' and grant_id is not null
                 and (grant_id = ? or state = 'stand_in')""",
            (card_mark, str(grant_id)),
        )
        return count, amount, of_card

    def list_last(self, count: int) -> list[Entry]:
        """List the newest entries, newest first."""
        return self._entries("order by sequence desc limit ?", (count,))

    def find_last_undoable(self) -> Entry | None:
        """Give the newest approved redeem, load or capture of the open batch that nothing has undone."""
        since = "sequence > (select coalesce(max(last_sequence), 0) from batch)"
        return self._last(f"type in ('redeem', 'load', 'capture') and {since}", ended_by="'void', 'reversal'")

    def find_last_hold(self) -> Entry | None:
        """Give the newest approved hold that this terminal has not seen the end of; it may have expired."""
        return self._last("type = 'hold'", ended_by="'capture', 'release', 'void', 'reversal'")

    def queue(self) -> messages.QueueState:
        """Count what the site has not answered, with the sum in minor units and the oldest time."""
        return self._queue_state("where body is not null")

    def open_batch(self) -> tuple[int, int, dict[messages.TransactionType, messages.TypeTotal]] | None:
        """Give first and last sequence since the last batch, and approved totals by type; None if empty."""
        rows = self._rows(
            """select coalesce((select max(last_sequence) from batch), 0) + 1,
                      coalesce((select max(sequence) from entry), 0)""",
            (),
        )
        first, last = rows[0]
        if last < first:
            return None
        totals = self._rows(
            # Units are counted, and never added to money; a reversal has its currency in its answer alone.
            f"""select type, count(*),
                      coalesce(sum(approved) filter (where coalesce(
                          json_extract(cast(answer as text), '$.currency'), '') not in {_UNITS}), 0)
               from entry where sequence between ? and ? and outcome = 'approved'
               group by type order by type""",
            (first, last),
        )
        found = {kind: messages.TypeTotal(count=count, amount=amount) for kind, count, amount in totals}
        return first, last, found

    def write_batch(self, first: int, last: int, body: bytes) -> Batch:
        """Write a batch before it is told to the site."""
        self._change(
            "insert into batch (first_sequence, last_sequence, body) values (?, ?, ?)", (first, last, body)
        )
        return Batch(first_sequence=first, last_sequence=last, body=body, answer=None)

    def find_untold_batch(self) -> Batch | None:
        """Give a batch whose answer never came: it is told again, byte for byte, before a new one."""
        rows = self._rows("select first_sequence, last_sequence, body from batch where answer is null", ())
        found = [Batch(first_sequence=r[0], last_sequence=r[1], body=r[2], answer=None) for r in rows]
        return found[0] if found else None

    def mark_batch_closed(self, first: int, raw: bytes) -> None:
        """Store the site's comparison of a batch."""
        self._change(
            "update batch set answer = ?, closed_at = ? where first_sequence = ?", (raw, _now(), first)
        )

    def drop_batch(self, first: int) -> None:
        """Open a batch again that the site refused to look at."""
        self._change("delete from batch where first_sequence = ? and answer is null", (first,))

    def export(self) -> Iterator[str]:
        """Give every entry as one line of JSON, oldest first, without what cards proved themselves with."""
        for entry in self._entries("order by sequence", ()):
            line = {
                "sequence": entry.sequence,
                "state": entry.state,
                "attempts": entry.attempts,
                "code": entry.code,
                "request": json.loads(entry.content),
                "answer": msgspec.to_builtins(entry.answer) if entry.answer else None,
            }
            yield json.dumps(line, ensure_ascii=False)

    def _queue_state(self, condition: str) -> messages.QueueState:
        # Units are counted, and never added to money.
        rows = self._rows(
            "select count(*), coalesce(sum(amount) filter (where state <> 'cancelled'"
            f" and currency not in {_UNITS}), 0), min(occurred_at) from entry {condition}",
            (),
        )
        count, amount, oldest = rows[0]
        return messages.QueueState(
            count=count, amount=amount, oldest_at=datetime.fromisoformat(oldest) if oldest else None
        )

    def _insert(
        self,
        database: sqlite3.Connection,
        make: Callable[[int], messages.Transaction],
        card_mark: str | None = None,
    ) -> Entry:
        sequence: int = database.execute("select coalesce(max(sequence), 0) + 1 from entry").fetchone()[0]
        transaction = make(sequence)
        body = messages.content(transaction)
        content = json.loads(body)
        original = getattr(transaction, "original", None)
        row = (
            sequence,
            str(transaction.id),
            content["type"],
            getattr(transaction, "amount", None),
            getattr(transaction, "currency", None),
            str(original) if original else None,
            transaction.operator,
            transaction.occurred_at.isoformat(),
            "written",
            json.dumps(_without_proof(content), ensure_ascii=False, sort_keys=True).encode(),
            body,
            0,
            None,
            None,
            card_mark,
            None,
        )
        database.execute(f"insert into entry ({_COLUMNS}) values ({', '.join('?' * len(row))})", row)
        return _entry(row)

    def _last(self, condition: str, *, ended_by: str) -> Entry | None:
        return self._first(
            f"""where {condition} and outcome = 'approved' and id not in
                  (select original from entry where outcome = 'approved' and type in ({ended_by}))
                order by sequence desc limit 1"""
        )

    def _first(self, condition: str, values: tuple[Any, ...] = ()) -> Entry | None:
        return next(iter(self._entries(condition, values)), None)

    def _entries(self, condition: str, values: tuple[Any, ...]) -> list[Entry]:
        return [_entry(row) for row in self._rows(f"select {_COLUMNS} from entry {condition}", values)]


def _entry(row: tuple[Any, ...]) -> Entry:
    return Entry(
        sequence=row[0],
        id=UUID(row[1]),
        type=row[2],
        amount_minor=row[3],
        currency=row[4],
        original=UUID(row[5]) if row[5] else None,
        operator=row[6],
        occurred_at=datetime.fromisoformat(row[7]),
        state=row[8],
        content=row[9],
        body=row[10],
        attempts=row[11],
        code=row[12],
        answer=msgspec.json.decode(row[13], type=messages.Answer) if row[13] else None,
        card_mark=row[14],
        grant_id=row[15],
    )


def _without_proof(content: dict[str, Any]) -> dict[str, Any]:
    """Keep how a card was presented and drop what it proved itself with: number, PIN, code, SUN message."""
    card = content.get("card")
    if card is None:
        return content
    kept = {name: card[name] for name in ("method", "technology", "entry") if name in card}
    return {**content, "card": kept}


def _now() -> str:
    return datetime.now(UTC).isoformat()
