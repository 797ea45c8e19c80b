"""A journal that cannot be written any more: whatever is told of a sale then is true afterwards."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from terminals import messages
from terminals.commands import main
from terminals.identifiers import uuid7
from terminals.journal_file import JournalFile
from terminals.state import StateFolder
from terminals.terminal import Terminal
from tests.terminals.offline import allow
from tests.terminals.recording_site import RecordingSite

QR = ("--qr", "8712 3456 7890 1234 5677")
COMMITS_MAX = 12


class Disk:
    """The disk under the journal, which takes so many commits more, or any number."""

    def __init__(self) -> None:
        self.left: int | None = None

    def commit(self) -> None:
        if self.left == 0:
            raise sqlite3.OperationalError("database or disk is full")
        if self.left is not None:
            self.left -= 1


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    made, usual = Disk(), JournalFile._atomic

    @contextlib.contextmanager
    def atomic(journal: JournalFile) -> Iterator[sqlite3.Connection]:
        with usual(journal) as database:
            yield database
            made.commit()

    monkeypatch.setattr(JournalFile, "_atomic", atomic)
    return made


@pytest.mark.parametrize(
    ("words", "is_offline"),
    [
        (("redeem", *QR), False),
        (("redeem", *QR), True),
        (("load", *QR), False),
        (("void",), False),
        (("reverse",), False),
    ],
)
def test_disk_that_is_full_from_any_commit_on_is_never_told_as_nothing_moved(
    folder: StateFolder, site: RecordingSite, disk: Disk, words: tuple[str, ...], is_offline: bool,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    allow(site, count=10**6, per_card=10**9, per_terminal=10**9)
    outcomes = set()
    for commits in range(COMMITS_MAX):
        with Terminal(folder) as terminal:
            terminal.keep_ready()
            leave_something_to_undo(terminal, words[0])
        before = site.balance
        if is_offline:
            move(folder, "http://127.0.0.1:1")
        disk.left = commits
        # Not twice the same: that would be the one before, told again.
        amount = ("--amount", f"{1 + commits}.00") if "--qr" in words else ()
        main([*words, *amount, "--json", "--state", str(folder.path)])
        disk.left = None
        move(folder, site.address)
        [printed] = capsys.readouterr().out.splitlines()
        told = json.loads(printed)
        with Terminal(folder) as terminal:
            terminal.transactions.resolve()
        moved = "no" if site.balance == before else "yes"
        assert told["money_moved"] in {"unknown", moved}, (commits, told)
        outcomes.add(told["outcome"])
    # Full in between, and never full.
    assert {"unknown", "approved"} <= outcomes


def leave_something_to_undo(terminal: Terminal, word: str) -> None:
    """Leave a sale to be voided, or one without an answer to be reversed."""
    if word == "void":
        terminal.transactions.redeem(messages.QrCard(code=QR[1], entry="keyed"), 500)
    if word != "reverse":
        return
    entry = terminal.journal.write(
        lambda sequence: messages.Redeem(
            id=uuid7(),
            sequence=sequence,
            occurred_at=datetime.now(UTC),
            card=messages.QrCard(code=QR[1], entry="keyed"),
            amount=500,
            currency="CNY",
        )
    )
    terminal.journal.mark_sent(entry.id)
    assert entry.body is not None
    terminal.site.post_transaction(entry.id, entry.body)
    terminal.journal.mark_unresolved(entry.id, "NET-SRV-01")


def move(folder: StateFolder, address: str) -> None:
    content = json.loads(folder.enrolment_file.read_text()) | {"site": address}
    folder.enrolment_file.write_text(json.dumps(content))
