"""The full screen in a real pseudo-terminal, with real keys and a virtual card read by nfcpy."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pyte
import pytest

from terminals.state import StateFolder
from tests.terminals.conftest import ROOT
from tests.terminals.recording_site import RecordingSite

PATIENCE_S = 30.0
CARDS = [
    {
        "card": 1,
        "uid": "04de5f1eacc040",
        "uri_base": "https://cards.example/t",
        "key_meta": "00" * 16,
        "key_file": "00" * 16,
    }
]


class Cards:
    """The card server as a process of its own, and a hand that holds cards to the reader."""

    def __init__(self, folder: Path) -> None:
        self.control = str(folder / "cards.sock")
        file = folder / "cards.json"
        file.write_text(json.dumps(CARDS))
        words = ["simulate", "--cards", str(file), "--listen", "127.0.0.1:0", "--control", self.control]
        self.server = subprocess.Popen(
            [sys.executable, "-m", "terminals", *words],
            cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.server.stdout is not None
        line = self.server.stdout.readline()
        self.reader = line.split(" at ")[1].strip()
        self.server.stdout.readline()

    def hold(self, *words: str) -> None:
        command = [sys.executable, "-m", "terminals", "tap", *words, "--control", self.control]
        subprocess.run(command, cwd=ROOT, capture_output=True, check=True, timeout=PATIENCE_S)

    def stop(self) -> None:
        self.server.terminate()
        self.server.wait(PATIENCE_S)
        assert self.server.stdout is not None
        self.server.stdout.close()


class Window:
    """The agent in a window of 80 by 24: what is typed goes in, what a person would see comes out."""

    def __init__(self, folder: StateFolder, *words: str) -> None:
        self.screen = pyte.Screen(80, 24)
        self._stream = pyte.ByteStream(self.screen)
        self._side, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.agent = subprocess.Popen(
            [sys.executable, "-m", "terminals", "run", "--state", str(folder.path), *words],
            cwd=ROOT, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
            env=os.environ | {"TERM": "xterm-256color", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"},
        )  # fmt: skip
        os.close(theirs)

    def types(self, keys: str) -> None:
        os.write(self._side, keys.encode())

    def text(self) -> str:
        # A character of two columns is followed by an empty cell.
        return "\n".join("".join(row[column].data for column in range(80)) for row in
                         (self.screen.buffer[line] for line in range(24)))  # fmt: skip

    def waits_for(self, *words: str) -> str:
        """Read until the window shows all the words."""
        deadline = time.monotonic() + PATIENCE_S
        while not all(word in self.text() for word in words):
            ready, _, _ = select.select([self._side], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, f"{words} never shown in:\n{self.text()}"
            try:
                self._stream.feed(os.read(self._side, 65_536))
            except OSError:
                pytest.fail(f"the agent ended before {words}:\n{self.text()}")
        return self.text()

    def ends(self) -> int:
        """Read what is left, and give the agent's exit code."""
        while select.select([self._side], [], [], PATIENCE_S)[0]:
            try:
                if not os.read(self._side, 65_536):
                    break
            except OSError:
                break
        return self.agent.wait(PATIENCE_S)

    def stop(self) -> None:
        if self.agent.poll() is None:
            self.agent.kill()
            self.agent.wait()
        os.close(self._side)


@pytest.fixture
def cards(tmp_path: Path) -> Iterator[Cards]:
    made = Cards(tmp_path)
    yield made
    made.stop()


@pytest.fixture
def window(folder: StateFolder, cards: Cards) -> Iterator[Window]:
    folder.save_enrolment(msgspec.structs.replace(folder.enrolment(), reader=cards.reader))
    made = Window(folder)
    yield made
    made.stop()


def test_a_card_is_tapped_and_the_whole_sale_is_done_by_keyboard(
    window: Window, cards: Cards, site: RecordingSite
) -> None:
    window.waits_for("Corner Shop · Till 1", "Type the amount", "Reader: ready", "Site: ready")
    window.types("36.50\r")
    window.waits_for("PRESENT THE CARD")
    cards.hold("1")
    seen = window.waits_for("A P P R O V E D", "balance CNY 963.50", "Money moved: yes")
    assert seen.count("36.50") >= 2
    card = json.loads(site.sent()[0].body)["card"]
    assert (card["method"], card["entry"]) == ("sun", "tap")
    assert card["uri"].startswith("https://cards.example/t?")
    # The card still lies there: the next amount must wait for a new tap.
    window.types("5\r")
    window.waits_for("PRESENT THE CARD")
    cards.hold("away")
    cards.hold("1")
    window.waits_for("balance CNY 958.50")
    assert len(site.postings) == 2
    window.types("q")
    window.waits_for("Leave the terminal?")
    window.types("\r")
    assert window.ends() == 0


def test_function_keys_choose_the_language_and_nothing_is_wider_than_the_window(window: Window) -> None:
    window.waits_for("Type the amount")
    window.types("\x1b[19~")
    seen = window.waits_for("请输入金额", "读卡器")
    assert "Type the amount" not in seen
    window.types("12.3")
    window.waits_for("回车")
    window.types("\x1b")
    window.waits_for("请输入金额")


def test_a_cut_answer_is_shown_as_unknown_and_found_out_by_one_key(
    window: Window, cards: Cards, site: RecordingSite
) -> None:
    window.waits_for("Reader: ready", "Site: ready")
    site.fates.extend(["cut"] * 4)
    window.types("12.50\r")
    window.waits_for("PRESENT THE CARD")
    cards.hold("1")
    window.waits_for("O U T C O M E", "Money moved: not known yet", "Unresolved: !1")
    window.types("u")
    window.waits_for("A P P R O V E D", "Unresolved: 0")
    assert len(site.postings) == 1
    assert site.balance == 98_750


def test_a_terminate_signal_puts_the_window_back_and_frees_the_terminal(window: Window) -> None:
    window.waits_for("Type the amount")
    os.kill(window.agent.pid, signal.SIGTERM)
    assert window.ends() == 0
