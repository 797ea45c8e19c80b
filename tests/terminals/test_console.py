from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from terminals import doctor, messages
from terminals.amounts import format_money
from terminals.console import Console
from terminals.doctor import Finding
from terminals.errors import TerminalError
from terminals.faults import CAUSES
from terminals.readers import Tap
from terminals.readers.nfcpy import NfcpyReader
from terminals.receipt import columns
from terminals.terminal import Terminal
from terminals.texts import TEXTS
from terminals.view import draw
from terminals.watch import Done, ReaderChanged, Tapped
from tests.terminals.offline import allow, cut, reconnect
from tests.terminals.recording_site import RecordingSite

CARD = messages.SunCard(uri="https://cards.example.com/t?picc_data=00&cmac=00", entry="tap")
REFUSED = messages.Texts(en="refused", zh="拒绝连接")
TAP = Tapped(
    Tap(technology="ntag424", uid="04de5f1eacc040", uri=CARD.uri, card=CARD, at=datetime.now(UTC)),
    NfcpyReader("simulated"),
)

OTHER_TAP = Tapped(
    Tap(technology="ntag424", uid="04958caa5c5e80", uri=CARD.uri, card=CARD, at=datetime.now(UTC)),
    NfcpyReader("simulated"),
)


class Person:
    """Someone at the console; work is done at once, in the order in which it is begun."""

    def __init__(self, terminal: Terminal) -> None:
        self.begun: list[str] = []
        self.waiting: list[tuple[str, Callable[[], Any]]] = []
        self.is_slow = False
        self.terminal = terminal
        self.console = Console(terminal, self._begin, "en")
        self.console.on_event(ReaderChanged("simulated"))

    def _begin(self, name: str, do: Callable[[], Any]) -> None:
        self.begun.append(name)
        self.waiting.append((name, do))

    def work(self) -> None:
        while self.waiting:
            name, do = self.waiting.pop(0)
            try:
                done = Done(name, value=do())
            except TerminalError as error:
                done = Done(name, error=error)
            self.console.on_event(done)

    def types(self, keys: str) -> None:
        for key in keys:
            self.console.on_key({"\n": "enter", "\b": "backspace", "\x1b": "esc"}.get(key, key))
        if not self.is_slow:
            self.work()

    def taps(self, tap: Tapped = TAP) -> None:
        self.console.on_event(tap)
        if not self.is_slow:
            self.work()

    def sees(self, language: str | None = None) -> str:
        shown = self.console.shown
        if language is not None:
            assert language in {"en", "zh"}
            shown.language = "en" if language == "en" else "zh"
        rows = draw(shown, self.terminal.enrolment, datetime.now(UTC), width=80, height=24)
        lines = ["".join(words for words, _ in row) for row in rows]
        assert len(lines) == 24
        assert [line for line in lines if columns(line) > 80] == []
        return "\n".join(lines)


@pytest.fixture
def person(terminal: Terminal) -> Person:
    return Person(terminal)


def test_amount_enter_tap_redeems_once_and_shows_what_came_of_it(person: Person, site: RecordingSite) -> None:
    person.types("12.50\n")
    assert "PRESENT THE CARD" in person.sees()
    person.taps()
    assert [json.loads(call.body)["amount"] for call in site.sent()] == [1250]
    seen = person.sees()
    assert "A P P R O V E D" in seen
    assert "CNY 12.50   balance CNY 987.50   card •••• 1234" in seen
    assert "Money moved: yes" in seen
    person.taps()
    assert len(site.postings) == 1


def test_an_amount_that_is_not_confirmed_takes_nothing(person: Person, site: RecordingSite) -> None:
    person.types("1")
    person.taps()
    assert site.calls == []
    assert "Press Enter to confirm" in person.sees()
    person.types("2\n")
    person.taps()
    assert json.loads(site.sent()[0].body)["amount"] == 1200


def test_a_tap_without_an_amount_asks_for_the_balance(person: Person, site: RecordingSite) -> None:
    person.taps()
    assert [call.path for call in site.calls] == ["/api/v1/cards/inquiry"]
    assert json.loads(site.calls[0].body)["card"]["entry"] == "tap"
    assert "balance CNY 1,000.00" in person.sees()


def test_top_up_loads_cash_and_goes_back_to_redeem(person: Person, site: RecordingSite) -> None:
    person.types("t100\n")
    person.taps()
    [call] = site.sent()
    assert json.loads(call.body)["type"] == "load"
    assert json.loads(call.body)["tender"]["type"] == "cash"
    assert person.console.shown.mode == "redeem"


@pytest.mark.parametrize(
    ("keys", "typed"),
    [
        ("12.505", "12.50"),
        ("007", "7"),
        (".5", "0.5"),
        ("1..2", "1.2"),
        ("0.05", "0.05"),
        ("00", "0"),
        ("12\b3", "13"),
        ("12\x1b", ""),
    ],
)
def test_only_what_can_become_an_amount_is_let_in(person: Person, keys: str, typed: str) -> None:
    person.types(keys)
    assert person.console.shown.typed == typed


def test_escape_disarms_and_a_tap_then_takes_nothing(person: Person, site: RecordingSite) -> None:
    person.types("12.50\n\x1b")
    person.taps()
    assert site.sent() == []


def test_while_the_site_is_asked_another_tap_is_not_taken(person: Person, site: RecordingSite) -> None:
    person.types("5\n")
    person.is_slow = True
    person.taps()
    person.taps()
    assert person.begun.count("redeem") == 1
    assert "Asking the site" in person.sees()
    person.work()
    assert len(site.postings) == 1


def test_an_unknown_outcome_is_found_out_before_the_next_amount_is_armed(
    person: Person, site: RecordingSite
) -> None:
    site.fates.extend(["cut"] * 3)
    person.types("12.50\n")
    person.taps()
    seen = person.sees()
    assert "O U T C O M E" in seen
    assert "Money moved: not known yet" in seen
    assert "U = find out · P = park · X = reverse" in seen
    person.types("12.50\n")
    assert not person.console.shown.is_armed
    assert "A P P R O V E D" in person.sees()
    assert len(site.postings) == 1


def test_an_unknown_outcome_can_be_reversed_after_a_question(person: Person, site: RecordingSite) -> None:
    site.fates.extend(["lost"] * 3)
    person.types("12.50\n")
    person.taps()
    person.types("xn")
    assert "cancel" not in person.begun
    person.types("xy")
    assert site.balance == 100_000
    assert person.console.shown.queue.count == 0


def test_what_was_sold_offline_is_shown_until_it_is_told(person: Person, site: RecordingSite) -> None:
    allow(site)
    person.terminal.keep_ready()
    cut(person.terminal)
    person.types("12.50\n")
    person.taps()
    assert "A P P R O V E D" in person.sees()
    assert "Approved offline: told to the site when it answers." in person.sees()
    assert f"Sold offline, not told yet: 1 · {format_money(1_250, 'CNY')} · since" in person.sees()
    person.types("l")
    assert "离线消费，尚未上传: 1 · " in person.sees()
    person.types("l")
    person.types("60\n")
    person.taps()
    assert "offline_limit_single" in person.sees()

    reconnect(person.terminal, site)
    person.console.beat()
    person.work()

    assert "not told yet" not in person.sees()
    assert site.balance == 98_750


def test_a_torn_tap_is_resumed_by_the_same_card_and_another_one_waits(
    person: Person, site: RecordingSite
) -> None:
    site.fates.extend(["lost"] * 3)
    person.types("12.50\n")
    person.taps()
    usual, person.terminal.connection.port = person.terminal.connection.port, 1
    person.terminal.connection.close()
    person.types("12.50\n")
    assert "Tap the same card again, do not cancel" in person.sees()

    # The site stays away: another card is refused, the same one is still unknown.
    person.types("\n")
    assert person.console.shown.is_armed
    person.taps(OTHER_TAP)
    assert "NFC-TORN-01" in person.sees()
    person.types("12.50\n")
    person.taps()
    assert "O U T C O M E" in person.sees()
    person.terminal.connection.port = usual
    person.types("12.50\n")
    person.taps()

    assert "A P P R O V E D" in person.sees()
    assert (len(site.postings), site.balance) == (1, 98_750)


def test_a_parked_transaction_lets_other_cards_pass_and_is_resolved_later(
    person: Person, site: RecordingSite
) -> None:
    site.fates.extend(["dropped"] * 3)
    person.types("12.50\n")
    person.taps()
    person.types("py")
    assert "parked" in person.sees()
    person.types("3\n")
    person.taps(OTHER_TAP)
    assert "A P P R O V E D" in person.sees()
    assert person.console.shown.queue.count == 1

    person.types("u")

    assert person.console.shown.queue.count == 0
    assert (len(site.postings), site.balance) == (2, 100_000 - 1_250 - 300)


def test_void_asks_first_and_names_what_it_voids(person: Person, site: RecordingSite) -> None:
    person.types("v")
    assert "nothing to void" in person.sees()
    person.types("12.50\n")
    person.taps()
    person.types("v")
    assert "Void Redeem CNY 12.50?" in person.sees()
    person.types("\n")
    assert site.balance == 100_000


def test_closing_the_batch_shows_both_sides(person: Person, site: RecordingSite) -> None:
    person.types("12.50\n")
    person.taps()
    person.types("c\n")
    seen = person.sees()
    assert "Redeem 1: 12.50" in seen
    assert "Both sides agree." in seen


def test_a_reader_fault_names_itself_and_selling_goes_on_when_it_is_back(
    person: Person, site: RecordingSite
) -> None:
    person.console.on_event(ReaderChanged("usb", "HW-USB-01", "ENODEV"))
    seen = person.sees()
    assert "HW-USB-01" in seen
    assert "Reader or scanner unplugged: push the cable in firmly" in seen
    assert "Money moved: no" in seen
    person.console.on_event(ReaderChanged("usb"))
    assert "HW-USB-01" not in person.sees()
    person.types("5\n")
    person.taps()
    assert len(site.postings) == 1
    assert [fault.code for _, fault in person.terminal.journal.list_untold_faults()] == ["HW-USB-01"]


def test_a_card_that_moved_is_asked_for_again_and_stays_armed(person: Person, site: RecordingSite) -> None:
    person.types("5\n")
    person.console.on_event(ReaderChanged("usb", "NFC-RF-01", "timeout"))
    assert person.console.shown.is_armed
    person.taps()
    assert len(site.postings) == 1


def test_a_site_that_is_gone_is_named_and_nothing_moved(person: Person, site: RecordingSite) -> None:
    usual, person.terminal.connection.port = person.terminal.connection.port, 1
    person.types("5\n")
    person.taps()
    seen = person.sees()
    assert "N O T   S E N T   Redeem   NET-SRV-01" in seen
    assert "Our server is not answering" in seen
    assert "Money moved: no" in seen
    person.terminal.connection.port = usual
    person.types("5\n")
    person.taps()
    assert person.console.shown.queue.count == 0
    assert site.balance == 99_500


def test_a_locked_terminal_arms_nothing(person: Person, site: RecordingSite) -> None:
    site.locked = True
    person.console.beat()
    person.work()
    person.types("5\n")
    assert not person.console.shown.is_armed
    assert "SW-TAMP-01" in person.sees()


def test_the_diagnosis_is_shown_step_by_step(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    findings = [Finding(step=step, status="ok") for step, _ in doctor.STEPS]
    findings[9] = Finding(step="server", status="fault", code="NET-SRV-01", detail=REFUSED)
    monkeypatch.setattr("terminals.console.diagnose", lambda patient: findings)
    person.types("d")
    assert "✘ server" in person.sees()
    assert "NET-SRV-01: Our server is not answering" in person.sees()


def test_every_text_exists_in_both_languages_and_fits_both_screens(
    person: Person, site: RecordingSite
) -> None:
    for name, (en, zh) in TEXTS.items():
        assert en, name
        assert zh, name
    for decline in (None, "insufficient_funds"):
        site.decline = decline
        person.types("1234567.89\n")
        person.taps()
        for language in ("en", "zh"):
            assert "1,234,567.89" in person.sees(language)


def test_no_name_of_a_text_is_shown_in_place_of_it(person: Person, site: RecordingSite) -> None:
    seen = set()
    for keys in ("", "5", "5\n", "\x1bt", "b", "rv", "nc", "nx", "nu", "q"):
        person.types(keys)
        seen.add(person.sees("zh"))
        seen.add(person.sees("en"))
    for code in (code for code in CAUSES if "-" in code):
        person.console.on_event(ReaderChanged("usb", code))
        seen.add(person.sees())
    shown = "\n".join(seen)
    assert [name for name in TEXTS if "_" in name and name in shown] == []


def test_a_small_window_says_so(person: Person) -> None:
    rows = draw(person.console.shown, person.terminal.enrolment, datetime.now(UTC), width=40, height=10)
    assert len(rows) == 10
    assert "too small" in rows[0][0][0]


def test_a_visit_is_redeemed_when_the_unit_is_chosen(person: Person, site: RecordingSite) -> None:
    person.types("n")
    assert "visits" in person.sees()
    assert "次" in person.sees("zh")
    person.types("1.5")
    assert person.console.shown.typed == "15"
    person.types("\x1b1\n")
    person.taps()

    sent = json.loads(site.sent()[0].body)
    assert (sent["type"], sent["amount"], sent["currency"]) == ("redeem", 1, "XVS")
    person.types("nnn")
    assert person.console.shown.currency == "CNY"


def test_money_of_the_batch_is_shown_as_money_whatever_is_typed(person: Person, site: RecordingSite) -> None:
    person.types("12.50\n")
    person.taps()
    person.types("nc\n")

    assert "12.50" in person.sees()
