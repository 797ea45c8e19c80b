"""A failed terminal's queue is sent by its successor, in its name, once; nobody else may speak for it."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import msgspec
import pytest
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.utils import timezone

from prepaid.cards.hot_list import hot_list_version
from prepaid.cards.lifecycle import change_state
from prepaid.ledger.models import LedgerAccount
from prepaid.settlement.models import SettlementException
from prepaid.stored_value.issue import IssuedCard
from prepaid.stores.enrolment import create_code
from prepaid.stores.errors import StandbyNotReady
from prepaid.stores.models import Terminal as TerminalRow
from prepaid.stores.policy import set_stand_in
from prepaid.stores.standby import promote
from terminals import messages, transactions
from terminals.errors import JournalError, Refused
from terminals.identifiers import uuid7
from terminals.recovery import RECOVERED_FILE, recover
from terminals.state import StateFolder
from terminals.terminal import Terminal, enrol
from terminals.transactions import Patience
from tests.api.conftest import Till
from tests.offline import LIMITS
from tests.shop import assert_ledger_is_clean
from tests.web.conftest import Server


@pytest.fixture
def address(committed_db: None) -> Iterator[str]:
    """The address of the real API on a real socket."""
    thread = Server("127.0.0.1", StaticFilesHandler)
    thread.daemon = True
    thread.start()
    thread.is_ready.wait()
    yield f"http://127.0.0.1:{thread.port}"
    thread.terminate()


@dataclass
class Pair:
    """A terminal in use and its spare, both enrolled with real agents, and a card."""

    failed: Terminal
    spare: Terminal
    card: messages.Card
    issued: IssuedCard

    def balance(self) -> int:
        return LedgerAccount.objects.get(pk=self.issued.card.account_id).balance

    def leave(self, amount: int, *, arrives: bool) -> UUID:
        """Write a redeem that the failed terminal never gets an answer to."""
        entry = self.failed.journal.write(
            lambda sequence: messages.Redeem(
                id=uuid7(),
                sequence=sequence,
                occurred_at=timezone.now(),
                card=self.card,
                amount=amount,
                currency="CNY",
            )
        )
        self.failed.journal.mark_sent(entry.id)
        self.failed.journal.mark_unresolved(entry.id, "NET-SRV-01")
        if arrives:
            assert entry.body is not None
            self.failed.site.post_transaction(entry.id, entry.body)
        return entry.id

    def promote(self) -> None:
        ids = self.spare.enrolment.terminal_id, self.failed.enrolment.terminal_id
        promote(*ids, actor="m-1", note="it fell", hot_list_version=hot_list_version(), at=timezone.now())


@pytest.fixture
def pair(till: Till, address: str, tmp_path: Path) -> Iterator[Pair]:
    opened = []
    for name, standby in (("T5", False), ("Spare", True)):
        code, _ = create_code(till.shop.store, name=name, standby=standby, at=timezone.now())
        folder = StateFolder(tmp_path / name)
        enrol(folder, site=address, code=code, reader="udp:127.0.0.1:1")
        opened.append(Terminal(folder, patience=Patience(attempts=1)))
    issued = till.issue(balance=10_000)
    card = messages.QrCard(code=issued.qr or "", entry="scan")
    made = Pair(failed=opened[0], spare=opened[1], card=card, issued=issued)
    made.spare.tell_health(None)
    made.spare.tell_health(None)
    yield made
    for terminal in opened:
        terminal.close()


def test_a_spare_synchronises_by_itself_and_sells_only_when_promoted(pair: Pair) -> None:
    with pytest.raises(Refused, match="terminal_standby"):
        pair.spare.site.inquire(pair.card)
    entry = pair.spare.transactions
    with pytest.raises(Exception, match="terminal_standby"):
        entry.redeem(pair.card, 100)
    assert (pair.balance(), pair.spare.journal.list_last(1)) == (10_000, [])

    pair.promote()

    assert entry.redeem(pair.card, 100).answer is not None
    assert pair.balance() == 9_900
    assert StateFolder(pair.spare.folder.path).enrolment().name == "T5"
    assert_ledger_is_clean()


def test_what_a_failed_terminal_left_is_sent_once_by_its_successor(pair: Pair) -> None:
    arrived, lost = pair.leave(700, arrives=True), pair.leave(300, arrives=False)
    cancelled = pair.leave(50, arrives=False)
    reversal = pair.failed.transactions._cancel(cancelled)
    assert pair.balance() == 9_300
    file = pair.failed.folder.journal_file
    pair.promote()

    for _ in range(2):
        done = recover(pair.spare, file)

        assert (done.terminal_id, done.error, done.left) == (pair.failed.enrolment.terminal_id, None, [])
        outcomes = {entry.id: entry.answer.outcome for entry in done.resolved if entry.answer}
        assert outcomes == {
            arrived: "approved",
            lost: "approved",
            reversal.id: "approved",
            cancelled: "declined",
        }
        assert pair.balance() == 9_000
    assert_ledger_is_clean()


@contextlib.contextmanager
def cut_off_from_site(pair: Pair, till: Till) -> Iterator[Terminal]:
    """Open the terminal that will fail, allowed to sell offline, where the site cannot be reached."""
    set_stand_in(till.shop.store, LIMITS, actor="m-1", at=timezone.now())
    pair.failed.tell_health(None)
    folder = pair.failed.folder
    folder.save_enrolment(msgspec.structs.replace(folder.enrolment(), site="http://127.0.0.1:1"))
    with Terminal(folder, patience=Patience(attempts=1)) as terminal:
        yield terminal


def test_what_a_failed_terminal_sold_offline_is_told_once_by_its_successor(pair: Pair, till: Till) -> None:
    with cut_off_from_site(pair, till) as cut_off:
        sold = cut_off.transactions.redeem(pair.card, 700)
    assert (sold.state, pair.balance()) == ("stand_in", 10_000)
    pair.promote()

    for _ in range(2):
        done = recover(pair.spare, pair.failed.folder.journal_file)

        assert (done.error, done.left) == (None, [])
        assert [(entry.id, entry.answer and entry.answer.outcome) for entry in done.resolved] == [
            (sold.id, "approved")
        ]
        assert pair.balance() == 9_300
    assert_ledger_is_clean()


def test_spare_with_an_old_hot_list_is_promoted_once_it_has_the_new_one(pair: Pair, till: Till) -> None:
    stolen = till.issue().card
    change_state(stolen.id, "report_lost", actor="m-1", at=timezone.now(), reason="lost")
    spare = TerminalRow.objects.filter(pk=pair.spare.enrolment.terminal_id)
    spare.update(synchronised_at=timezone.now() - timedelta(minutes=6))

    with pytest.raises(StandbyNotReady, match="hot list"):
        pair.promote()
    pair.spare.tell_health(None)
    pair.spare.tell_health(None)
    pair.promote()

    assert pair.spare.folder.hot_list().version == hot_list_version()
    assert pair.spare.folder.hot_list().fingerprints
    assert spare.get().state == "active"


def test_a_journal_whose_log_was_never_folded_is_read_with_its_log(pair: Pair, tmp_path: Path) -> None:
    lost = pair.leave(300, arrives=False)
    pair.promote()
    stick = tmp_path / "stick"
    stick.mkdir()
    for suffix in ("", "-wal"):
        shutil.copy(f"{pair.failed.folder.journal_file}{suffix}", stick / f"journal.sqlite{suffix}")
    before = {file.name: file.read_bytes() for file in stick.iterdir()}

    done = recover(pair.spare, stick / "journal.sqlite")

    assert [entry.id for entry in done.resolved] == [lost]
    assert {file.name: file.read_bytes() for file in stick.iterdir()} == before
    assert pair.balance() == 9_700


def test_the_failed_terminal_itself_can_send_nothing_any_more(pair: Pair) -> None:
    pair.leave(300, arrives=False)
    pair.promote()

    with pytest.raises(Refused, match="SW-TAMP-01"):
        pair.failed.transactions.resolve()
    with pytest.raises(Refused, match="SW-TAMP-01"):
        pair.failed.tell_health(None)

    assert pair.balance() == 10_000
    assert pair.failed.folder.site_notes().locked


@pytest.mark.parametrize("who", ["not promoted", "another terminal", "successor locked"])
def test_nobody_but_its_successor_in_use_speaks_for_a_terminal(pair: Pair, who: str, till: Till) -> None:
    pair.leave(300, arrives=False)
    if who != "not promoted":
        pair.promote()
    if who == "successor locked":
        TerminalRow.objects.filter(pk=pair.spare.enrolment.terminal_id).update(state="locked")
    if who == "another terminal":
        TerminalRow.objects.filter(pk=pair.spare.enrolment.terminal_id).update(public_key=os.urandom(32))

    done = recover(pair.spare, pair.failed.folder.journal_file)

    assert done.error is not None
    assert done.error.code == "bad_signature"
    assert (len(done.left), pair.balance()) == (1, 10_000)


def test_what_it_did_after_it_was_replaced_is_refused_and_holds_nothing_up(
    pair: Pair, till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    with cut_off_from_site(pair, till) as cut_off:
        sold = cut_off.transactions.redeem(pair.card, 700)
        pair.promote()
        # Nobody could tell it, and somebody sells on, by more than what clocks may differ.
        late_at = timezone.now() + timedelta(minutes=6)
        monkeypatch.setattr(transactions, "_now", lambda: late_at)
        late = cut_off.transactions.redeem(pair.card, 300)
        assert cut_off.transactions.load(pair.card, 100).state == "cancelled"

    done = recover(pair.spare, pair.failed.folder.journal_file)

    assert (sold.state, late.state, done.left) == ("stand_in", "stand_in", [])
    assert done.error is not None
    assert (done.error.code, pair.balance()) == ("recovery_refused", 9_300)
    assert {entry.id for entry in done.resolved if entry.state == "answered"} == {sold.id}
    # It was sold and is in no book: a person has to know.
    found = SettlementException.objects.get(key=str(late.id))
    assert (found.kind, found.detail["code"]) == ("advice_declined", "recovery_refused")
    assert_ledger_is_clean()


def test_a_file_that_is_no_journal_is_refused(pair: Pair, tmp_path: Path) -> None:
    stray = tmp_path / "stray"
    stray.write_bytes(b"not a database " * 100)
    for file in (stray, tmp_path / "missing"):
        with pytest.raises(JournalError, match="SW-JRN-01"):
            recover(pair.spare, file)
    # The copy is made anew each time: it is no journal to begin from.
    with pytest.raises(JournalError, match="is the copy"):
        recover(pair.spare, pair.spare.folder.path / RECOVERED_FILE)
