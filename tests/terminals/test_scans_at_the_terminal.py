"""Scans and typed numbers at the full screen and at commands: what is ours pays, what is not is named."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import tty
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from prepaid.cards.pay_codes import make_code, window_at
from terminals.keying import Keying
from terminals.messages import NumberCard, PayCodeCard
from terminals.scanners import Scanned, ScannerChanged
from terminals.state import StateFolder
from terminals.terminal import Terminal
from terminals.view import draw
from tests.terminals.conftest import ROOT
from tests.terminals.recording_site import Call, RecordingSite
from tests.terminals.test_console import Person

NUMBER = "8600123456789012"


def fresh_code() -> str:
    return make_code("123456789", bytes(32), window_at(datetime.now(UTC)))


def card_told(call: Call) -> Any:
    return json.loads(call.body)["card"]


@pytest.fixture
def person(terminal: Terminal) -> Person:
    made = Person(terminal)
    made.console.on_event(ScannerChanged("serial:/dev/ttyACM0"))
    return made


def scans(person: Person, text: str) -> None:
    person.console.on_event(Scanned(text))
    person.work()


def screen_of(person: Person) -> str:
    rows = draw(person.console.shown, person.terminal.enrolment, datetime.now(UTC), width=100, height=30)
    return "\n".join("".join(text for text, _ in row) for row in rows)


def test_scan_pays_what_is_armed(person: Person, site: RecordingSite) -> None:
    code = fresh_code()
    person.types("12.50\n")

    scans(person, code)

    assert person.console.shown.result is not None
    assert person.console.shown.result.outcome == "approved"
    [sale] = [call for call in site.calls if call.path.endswith("/transactions")]
    assert card_told(sale) == {"method": "pay_code", "code": code, "entry": "scan"}


@pytest.mark.parametrize(
    ("text", "fault", "tender"),
    [("134567890123456789", "CODE-STD-01", "wechat_pay"), (NUMBER[:-1] + "3", "CODE-CHK-01", None)],
)
def test_foreign_or_broken_scan_is_named_and_stays_armed(
    person: Person, site: RecordingSite, text: str, fault: str, tender: str | None
) -> None:
    person.types("12.50\n")
    before = len(site.calls)

    scans(person, text)

    shown = person.console.shown
    assert shown.result is not None
    assert (shown.result.code, shown.result.suggested_tender) == (fault, tender)
    assert shown.is_armed
    assert len(site.calls) == before
    assert fault in screen_of(person)
    [(_, told)] = person.terminal.journal.list_untold_faults()
    assert (told.code, told.entry) == (fault, "scan")


def test_spent_code_says_to_refresh_it(person: Person, site: RecordingSite) -> None:
    site.decline = "credential_replayed"
    person.types("5\n")

    scans(person, fresh_code())

    assert person.console.shown.result is not None
    assert person.console.shown.result.code == "CODE-USED-01"
    assert "Each code works once" in screen_of(person)


def test_typed_number_asks_for_its_pin_and_shows_none_of_it(person: Person, site: RecordingSite) -> None:
    person.types("5\n" + "k" + NUMBER + "\n" + "123456")
    assert "8600 1234 5678 9012" in screen_of(person)
    assert "******" in screen_of(person)
    assert "123456   " not in screen_of(person)

    person.types("\n")

    [sale] = [call for call in site.calls if call.path.endswith("/transactions")]
    assert card_told(sale) == {"method": "number", "number": NUMBER, "pin": "123456", "entry": "keyed"}


def test_mistyped_number_is_told_at_once_and_can_be_mended(person: Person, site: RecordingSite) -> None:
    person.types("k" + NUMBER[:-1] + "3\n")
    assert "CODE-CHK-01" in screen_of(person)

    person.types("\b2\n\n")

    [asked] = [call for call in site.calls if call.path.endswith("/inquiry")]
    assert card_told(asked)["number"] == NUMBER


def test_keying_gives_whole_cards_alone() -> None:
    code = fresh_code()
    keying = Keying()
    assert [keying.on_key(key) for key in code] == [None] * 24
    assert keying.on_key("enter") == PayCodeCard(code=code, entry="keyed")

    keying = Keying(number=NUMBER)
    assert keying.on_key("enter") is None
    assert keying.on_key("enter") == NumberCard(number=NUMBER, pin=None, entry="keyed")


def test_esc_leaves_keying_and_what_was_armed_stays(person: Person) -> None:
    person.types("5\nk8600\x1b")

    assert person.console.shown.keying is None
    assert person.console.shown.is_armed


def test_scanner_that_went_is_on_the_screen(person: Person) -> None:
    person.console.on_event(ScannerChanged("serial:/dev/ttyACM0", "HW-USB-01", "went"))

    assert "Scanner: !HW-USB-01" in screen_of(person)


@pytest.fixture
def pair() -> Iterator[tuple[int, str]]:
    master, slave = pty.openpty()
    tty.setraw(slave)
    yield master, os.ttyname(slave)
    os.close(master)
    os.close(slave)


def test_command_takes_a_scan_where_the_reader_is_gone(
    folder: StateFolder, site: RecordingSite, pair: tuple[int, str]
) -> None:
    code = fresh_code()
    command = [sys.executable, "-m", "terminals", "redeem", "--amount", "5", "--state", str(folder.path)]
    agent = subprocess.Popen(
        [*command, "--scanner", f"serial:{pair[1]}", "--json"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert agent.stderr is not None
    assert agent.stderr.readline()

    # Bytes that come before the port is open are dropped, as a real scanner's are: it is scanned again.
    while agent.poll() is None and not any("/transactions" in call.path for call in site.calls):
        os.write(pair[0], code.encode() + b"\r")
        try:
            agent.wait(0.5)
        except subprocess.TimeoutExpired:
            continue

    told, said = agent.communicate(timeout=30)
    assert '"outcome":"approved"' in told.replace(" ", ""), said
    [sale] = [call for call in site.calls if call.path.endswith("/transactions")]
    assert card_told(sale) == {"method": "pay_code", "code": code, "entry": "scan"}
