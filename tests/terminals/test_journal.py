from __future__ import annotations

import sqlite3
import stat
import threading
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from terminals import messages
from terminals.errors import JournalError
from terminals.identifiers import uuid7
from terminals.journal import Journal

TERMINAL = UUID("01936d2e-7c11-7abc-8def-0123456789ab")
AT = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)


def redeem(sequence: int) -> messages.Redeem:
    card = messages.QrCard(code="12345678901234567890")
    return messages.Redeem(
        id=uuid7(), sequence=sequence, occurred_at=AT, card=card, amount=100, currency="CNY"
    )


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal.sqlite", TERMINAL)


def test_an_entry_is_on_the_disk_before_write_returns(journal: Journal, tmp_path: Path) -> None:
    entry = journal.write(redeem)
    other = sqlite3.connect(f"file:{tmp_path}/journal.sqlite?mode=ro", uri=True)
    assert other.execute("select id, state, body from entry").fetchall() == [
        (str(entry.id), "written", entry.body)
    ]
    assert other.execute("pragma journal_mode").fetchone() == ("wal",)
    assert journal._database.execute("pragma synchronous").fetchone() == (2,)
    assert stat.S_IMODE((tmp_path / "journal.sqlite").stat().st_mode) == 0o600


def test_sequences_rise_by_one_also_from_many_threads(journal: Journal) -> None:
    threads = [threading.Thread(target=lambda: [journal.write(redeem) for _ in range(10)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [entry.sequence for entry in journal.list_last(100)] == list(range(80, 0, -1))


def test_an_entry_that_cannot_be_made_takes_no_sequence(journal: Journal) -> None:
    def fails(sequence: int) -> messages.Redeem:
        raise ValueError(sequence)

    with pytest.raises(ValueError, match="1"):
        journal.write(fails)
    assert journal.write(redeem).sequence == 1


def test_the_journal_of_another_terminal_is_refused(journal: Journal, tmp_path: Path) -> None:
    journal.close()
    with pytest.raises(JournalError, match="belongs to"):
        Journal(tmp_path / "journal.sqlite", uuid4())


def test_a_damaged_journal_is_named(journal: Journal, tmp_path: Path) -> None:
    for _ in range(200):
        journal.write(redeem)
    journal.close()
    file = tmp_path / "journal.sqlite"
    content = bytearray(file.read_bytes())
    content[8192:16384] = b"\xff" * 8192
    file.write_bytes(content)
    with pytest.raises(JournalError) as caught:
        Journal(file, TERMINAL).check()
    assert caught.value.code == "SW-JRN-01"


def test_reversals_come_before_the_originals_they_cancel(journal: Journal) -> None:
    first, second = journal.write(redeem), journal.write(redeem)
    reversal = journal.cancel(
        first.id,
        lambda sequence: messages.Reversal(id=uuid7(), sequence=sequence, occurred_at=AT, original=first.id),
    )
    assert [entry.id for entry in journal.list_pending()] == [second.id, reversal.id, first.id]
    assert journal.queue() == messages.QueueState(count=3, amount=100, oldest_at=AT)


def test_an_outcome_once_stored_is_not_stored_again(journal: Journal) -> None:
    entry = journal.write(redeem)
    journal.mark_refused(entry.id, "malformed")
    journal.mark_unresolved(entry.id, "NET-SRV-01")
    found = journal.find(entry.id)
    assert found is not None
    assert (found.state, found.code, found.body) == ("refused", "malformed", None)


def test_faults_are_told_once_and_kept_to_a_bound(journal: Journal) -> None:
    for number in range(1010):
        journal.record_fault(messages.Fault(code="HW-USB-01", at=AT, detail=str(number)))
    untold = journal.list_untold_faults()
    assert len(untold) == 200
    assert untold[0][1].detail == "10"
    journal.mark_faults_told(untold[-1][0])
    assert journal.list_untold_faults(limit=1)[0][1].detail == "210"


def test_a_journal_of_version_1_is_brought_up_with_all_that_it_holds(tmp_path: Path) -> None:
    file = tmp_path / "journal.sqlite"
    old = sqlite3.connect(file)
    old.executescript((Path(__file__).parent / "journal_1.sql").read_text())
    pending = redeem(1)
    old.execute("insert into belonging values (?)", (str(TERMINAL),))
    old.execute(
        "insert into entry (sequence, id, type, amount, currency, occurred_at, state, content, body,"
        " attempts) values (1, ?, 'redeem', 100, 'CNY', ?, 'unresolved', ?, ?, 2)",
        (str(pending.id), AT.isoformat(), b"{}", messages.content(pending)),
    )
    old.execute("insert into batch values (1, 1, x'00', null, null)")
    old.execute("insert into fault (code, at) values ('NET-SRV-01', ?)", (AT.isoformat(),))
    old.execute("pragma user_version = 1")
    old.commit()
    old.close()

    for _ in range(2):
        journal = Journal(file, TERMINAL)
        [entry] = journal.list_pending()
        assert (entry.id, entry.state, entry.attempts) == (pending.id, "unresolved", 2)
        assert entry.body == messages.content(pending)
        assert journal.find_untold_batch() is not None
        assert [fault.code for _, fault in journal.list_untold_faults()] == ["NET-SRV-01"]
        assert len(journal.secret) == 32
        journal.check()
        journal.close()


def test_a_mark_is_kept_across_restarts_and_is_not_another_journals(tmp_path: Path) -> None:
    secrets = []
    for name in ("one", "one", "other"):
        journal = Journal(tmp_path / name, TERMINAL)
        secrets.append(journal.secret)
        journal.close()
    assert secrets[0] == secrets[1] != secrets[2]


def test_what_waits_is_counted_without_reading_requests_also_in_a_journal_of_an_older_agent(
    journal: Journal, tmp_path: Path
) -> None:
    journal.write(redeem)
    for index in ("entry_queue", "entry_sold_offline", "entry_granted"):
        journal._database.execute(f"drop index {index}")
    journal.close()

    opened = Journal(tmp_path / "journal.sqlite", TERMINAL)

    asked: list[str] = []
    opened._database.set_trace_callback(asked.append)
    assert opened.queue().count == 1
    assert opened.last_sold_offline_at() is None
    assert opened.stand_in_use(uuid4(), "mark") == (0, 0, 0)
    opened._database.set_trace_callback(None)
    plans = [opened._database.execute(f"explain query plan {query}").fetchall() for query in asked]
    used = [step[3].partition("INDEX ")[2].split()[0] for (step, *_) in plans]
    assert used == ["entry_queue", "entry_sold_offline", "entry_granted"]
