"""kill -9 at every point: each journal commit, file, send, receive and frame; nothing lost or doubled."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from terminals.journal import Entry, Journal
from terminals.simulator import control
from terminals.simulator.cards import counters_of, read_cards
from terminals.simulator.counters import Counters
from terminals.simulator.server import CardServer
from terminals.state import StateFolder
from terminals.terminal import Terminal, enrol
from tests.terminals.conftest import ROOT
from tests.terminals.offline import allow
from tests.terminals.recording_site import RecordingSite
from tests.terminals.test_readers_udp import ntag424

pytestmark = [pytest.mark.kill, pytest.mark.long]
POINTS_MAX = 400
KILLED = -signal.SIGKILL
QR = ("--qr", "8712 3456 7890 1234 5677")
NOWHERE = "http://127.0.0.1:1"


class Forking:
    """The forking agent: commands of one terminal, each in a child of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._program = subprocess.Popen(
            [sys.executable, "-m", "tests.terminals.forking_agent"],
            cwd=ROOT,
            env=os.environ | {"LANG": "C.UTF-8"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: str, point: int = 0) -> tuple[int, dict[str, Any]]:
        """Run a command with --json; its exit code and what it printed, if anything."""
        out, err = self.folder / "out", self.folder / "err"
        told = [*words, "--json", "--state", str(self.folder / "state")]
        order = {"words": told, "point": point, "out": str(out), "err": str(err)}
        assert self._program.stdin is not None
        assert self._program.stdout is not None
        self._program.stdin.write(json.dumps(order) + "\n")
        self._program.stdin.flush()
        code = int(self._program.stdout.readline())
        assert "Traceback" not in err.read_text(), err.read_text()
        text = out.read_text()
        return code, json.loads(text) if text else {}

    def end(self) -> None:
        assert self._program.stdin is not None
        self._program.stdin.close()
        self._program.wait(30)


@pytest.fixture
def forking(tmp_path: Path) -> Iterator[Forking]:
    made = Forking(tmp_path)
    yield made
    made.end()


class Pad:
    """A card server at a UDP path; cards lie there before a reader is opened, for none polls in between."""

    def __init__(self, counters: Counters, cards: Path) -> None:
        line = control.listen(f"{control.LOOPBACK}:0")
        self._control = f"{control.LOOPBACK}:{line.getsockname()[1]}"
        self._server = CardServer(
            read_cards(cards, counters),
            listen=(control.LOOPBACK, 0),
            control=line,
            say=lambda text: None,
            empty_polls_before_tap=0,
        )
        self.path = f"udp:{control.LOOPBACK}:{self._server.address[1]}"
        self._thread = threading.Thread(target=self._server.serve)
        self._thread.start()

    def order(self, words: str) -> None:
        """Give an order that is obeyed."""
        is_obeyed, text = control.ask(self._control, words)
        assert is_obeyed, text

    def end(self) -> None:
        self.order("quit")
        self._thread.join()


@pytest.fixture
def pad(tmp_path: Path) -> Iterator[Pad]:
    cards = tmp_path / "cards.json"
    cards.write_text(json.dumps([ntag424(1)]))
    with Counters(counters_of(cards)) as counters:
        made = Pad(counters, cards)
        yield made
        made.end()


class Round:
    """One terminal at one site, both new, on which an agent is killed at one point."""

    def __init__(self, forking: Forking) -> None:
        shutil.rmtree(forking.folder / "state", ignore_errors=True)
        self.site = RecordingSite()
        self.folder = StateFolder(forking.folder / "state")
        self.forking = forking
        allow(self.site)
        enrol(self.folder, site=self.site.address, code="CODE", reader="udp:127.0.0.1:1")
        with Terminal(self.folder) as terminal:
            terminal.keep_ready()

    def cut(self) -> None:
        """Take the terminal off the network."""
        self._move(NOWHERE)

    def reconnect(self) -> None:
        self._move(self.site.address)

    def _move(self, address: str) -> None:
        content = json.loads(self.folder.enrolment_file.read_text()) | {"site": address}
        self.folder.enrolment_file.write_text(json.dumps(content))

    def entries(self) -> list[Entry]:
        journal = Journal(self.folder.journal_file, self.folder.enrolment().terminal_id)
        try:
            return journal.list_last(50)
        finally:
            journal.close()

    def resolve(self) -> None:
        """Find out everything; nothing may be left."""
        code, queue = self.forking.run("queue", "--resolve")
        assert (code, queue["count"]) == (0, 0)
        assert {entry.state for entry in self.entries()} <= {"answered", "refused"}

    def end(self) -> None:
        self.site.stop()
        assert self.site.violations == []


def at_every_point(forking: Forking, play: Callable[[Round, int], int]) -> int:
    """Play a round for each point until the agent lives through it; how many points there were."""
    for point in range(1, POINTS_MAX):
        stage = Round(forking)
        try:
            code = play(stage, point)
        finally:
            stage.end()
        if code != KILLED:
            assert code == 0
            return point - 1
    raise AssertionError("the agent passes more points than a redeem can have")


def sold(stage: Round) -> list[int]:
    return [posting["approved_amount"] for posting in stage.site.postings if posting["type"] == "redeem"]


def test_a_tapped_redeem_killed_anywhere_is_resumed_by_tapping_again(forking: Forking, pad: Pad) -> None:
    redeem = ("redeem", "--amount", "12.50", "--reader", pad.path, "--wait", "20")

    def play(stage: Round, point: int) -> int:
        pad.order("away")
        pad.order("tap 1")
        code, told = forking.run(*redeem, point=point)
        if not told:
            # The cashier has seen nothing, and taps the same card again.
            pad.order("away")
            pad.order("tap 1")
            told = forking.run(*redeem)[1]
        assert told["outcome"] == "approved", point
        stage.resolve()
        assert (sold(stage), stage.site.balance) == ([1_250], 98_750), point
        return code

    assert at_every_point(forking, play) > 25


def test_a_redeem_killed_anywhere_keeps_another_card_waiting_only_until_it_is_resolved(
    forking: Forking,
) -> None:
    def play(stage: Round, point: int) -> int:
        code, _ = forking.run("redeem", "--amount", "12.50", *QR, point=point)
        again, told = forking.run("redeem", "--amount", "3.00", "--number", "8600123456789012", "--pin", "1")
        assert (again, told["approved_amount"]) == (0, 300), point
        stage.resolve()
        assert sold(stage) in ([300], [1_250, 300]), point
        assert len(sold(stage)) == sum(entry.type == "redeem" for entry in stage.entries())
        return code

    assert at_every_point(forking, play) > 15


def test_an_offline_redeem_killed_anywhere_is_sold_once(forking: Forking) -> None:
    redeem = ("redeem", "--amount", "7.00", *QR)

    def play(stage: Round, point: int) -> int:
        stage.cut()
        code, told = forking.run(*redeem, point=point)
        stage.reconnect()
        told = told or forking.run(*redeem)[1]
        assert told["outcome"] == "approved", point
        stage.resolve()
        assert (sold(stage), stage.site.balance) == ([700], 99_300), point
        return code

    assert at_every_point(forking, play) > 8


def test_an_upload_killed_anywhere_tells_each_sale_once(forking: Forking) -> None:
    def play(stage: Round, point: int) -> int:
        stage.cut()
        for amount in ("1.00", "2.00", "4.00"):
            assert forking.run("redeem", "--amount", amount, *QR)[0] == 0
        assert forking.run("void")[1]["outcome"] == "approved"
        stage.reconnect()
        code, _ = forking.run("queue", "--resolve", point=point)
        stage.resolve()
        assert (sorted(sold(stage)), stage.site.balance) == ([100, 200], 99_700), point
        assert sorted(stage.site.sequences) == [1, 2, 3, 4]
        return code

    assert at_every_point(forking, play) > 5


def test_a_void_and_a_cancel_killed_anywhere_undo_once(forking: Forking) -> None:
    def play(stage: Round, point: int) -> int:
        assert forking.run("redeem", "--amount", "5.00", *QR)[0] == 0
        code, _ = forking.run("void", point=point)
        forking.run("queue", "--resolve")
        if code == KILLED and stage.site.balance != 100_000:
            # Killed before it was written: nothing began, and the cashier does it again.
            assert [entry.type for entry in stage.entries()] == ["redeem"]
            assert forking.run("void")[0] == 0
        stage.resolve()
        assert stage.site.balance == 100_000, point
        return code

    assert at_every_point(forking, play) > 8


def test_a_parked_transaction_survives_a_kill_anywhere(forking: Forking) -> None:
    def play(stage: Round, point: int) -> int:
        stage.site.fates.extend(["dropped"] * 4)
        assert forking.run("redeem", "--amount", "5.00", *QR)[0] == 3
        code, _ = forking.run("park", point=point)
        if code not in {KILLED, 0}:
            assert code == 3
            code = 0
        stage.resolve()
        assert (sold(stage), stage.site.balance) == ([500], 99_500), point
        return code

    assert at_every_point(forking, play) > 2
