"""When the agent asks a card for its proof, and what it does with the answer or without one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from terminals import messages
from terminals.errors import ConnectionFault, Refused
from terminals.presenting import tapped
from terminals.readers import ReaderError, Tap
from terminals.terminal import Terminal
from terminals.watch import Tapped
from tests.terminals.recording_site import RecordingSite
from tests.terminals.test_console import Person

URI = "https://cards.example/t?picc_data=00&cmac=00"


class HeldReader:
    """A reader with a card that answers every command, as long as it lies there."""

    name = "held"

    def __init__(self, answers: int = 100) -> None:
        self.answers = answers
        self.commands: list[str] = []
        self.is_held = False

    def open(self) -> None: ...

    def close(self) -> None: ...

    def wait_for_tap(self, *, stop: object) -> Tap | None:
        return None

    @contextmanager
    def holding(self) -> Iterator[None]:
        self.is_held = True
        yield
        self.is_held = False

    def transceive(self, command: bytes) -> bytes:
        assert self.is_held
        if self.answers <= len(self.commands):
            raise ReaderError("NFC-RF-01", "the card is gone")
        self.commands.append(command.hex())
        return b"\x90\x00"


def tap(technology: str = "ntag424") -> Tap:
    card: messages.Card = messages.SunCard(uri=URI, entry="tap")
    if technology != "ntag424":
        card = messages.UidCard(uid="012e010203040506", technology=technology, entry="tap")
    uri = URI if technology == "ntag424" else None
    return Tap(technology=technology, uid="012e010203040506", uri=uri, card=card, at=datetime.now(UTC))


def set_floor(terminal: Terminal, site: RecordingSite, floor: int | None) -> None:
    site.floor = floor
    terminal.tell_health(None)


@pytest.mark.parametrize(
    ("floor", "amount", "method"),
    [(None, 9_999, "sun"), (1_000, 1_000, "sun"), (1_000, 1_001, "token"), (0, 1, "token"), (0, None, "sun")],
)
def test_only_above_the_floor_is_a_card_asked_for_its_proof(
    terminal: Terminal, site: RecordingSite, floor: int | None, amount: int | None, method: str
) -> None:
    set_floor(terminal, site, floor)
    reader = HeldReader()

    card = terminal.card_to_present(tapped(reader, tap()), amount)

    assert json.loads(messages.content(messages.InquiryRequest(card=card)))["card"]["method"] == method
    assert reader.commands == (["00a4", "9071"] if method == "token" else [])


def test_floor_outlives_the_agent_and_a_site_that_does_not_answer(
    terminal: Terminal, site: RecordingSite
) -> None:
    set_floor(terminal, site, 1_000)
    site.fates.append("dropped")

    with pytest.raises(ConnectionFault):
        terminal.tell_health(None)

    assert terminal.folder.enrolment().policy["challenge_floor"] == 1_000
    assert terminal.enrolment.policy["challenge_floor"] == 1_000


def test_felica_is_always_asked_and_is_a_bare_uid_where_the_site_knows_no_more(
    terminal: Terminal, site: RecordingSite
) -> None:
    assert isinstance(
        terminal.card_to_present(tapped(HeldReader(), tap("felica_lite_s"))), messages.TokenCard
    )

    site.challenge_refused = "card_unknown"

    assert (
        terminal.card_to_present(tapped(HeldReader(), tap("felica_lite_s")), 1) == tap("felica_lite_s").card
    )


@pytest.mark.parametrize("technology", ["ntag424", "felica_lite_s"])
def test_card_that_cannot_be_trusted_is_told_and_nothing_is_written(
    terminal: Terminal, site: RecordingSite, technology: str
) -> None:
    set_floor(terminal, site, 0)
    site.challenge_refused = "NFC-CARD-02"

    with pytest.raises(Refused, match="NFC-CARD-02"):
        terminal.card_to_present(tapped(HeldReader(), tap(technology)), 1)

    assert terminal.journal.list_last(1) == []


@pytest.mark.parametrize("answers", [0, 1])
def test_card_that_leaves_in_the_middle_is_told_and_nothing_is_sent_on(
    terminal: Terminal, site: RecordingSite, answers: int
) -> None:
    set_floor(terminal, site, 0)

    with pytest.raises(ReaderError, match="NFC-RF-01"):
        terminal.card_to_present(tapped(HeldReader(answers), tap()), 1)

    assert [call.path for call in site.calls if "challenge/" in call.path] == []
    assert site.sent() == []


def test_full_screen_pays_above_the_floor_within_one_tap(terminal: Terminal, site: RecordingSite) -> None:
    set_floor(terminal, site, 1_000)
    person = Person(terminal)
    person.types("36.50\n")

    person.console.on_event(Tapped(tap(), HeldReader()))
    person.work()

    (sent,) = site.sent()
    assert json.loads(sent.body)["card"] == {"method": "token", "token": "T" * 32, "entry": "tap"}
    assert person.console.shown.result is not None
    assert person.console.shown.result.outcome == "approved"


def test_full_screen_names_a_card_that_cannot_be_trusted_and_reports_it(
    terminal: Terminal, site: RecordingSite
) -> None:
    set_floor(terminal, site, 1_000)
    site.challenge_refused = "NFC-CARD-02"
    person = Person(terminal)
    person.types("36.50\n")

    person.console.on_event(Tapped(tap(), HeldReader()))
    person.work()

    result = person.console.shown.result
    assert result is not None
    assert (result.code, result.money_moved, result.fix) == ("NFC-CARD-02", "no", "manager")
    assert site.sent() == []
    terminal.tell_health("")
    assert [fault["code"] for fault in site.heartbeats[-1]["faults"]] == ["NFC-CARD-02"]


def test_conversation_that_took_too_long_is_begun_anew_by_another_tap(
    terminal: Terminal, site: RecordingSite
) -> None:
    set_floor(terminal, site, 0)
    site.fates.extend(["answer", "404:not_found"])

    with pytest.raises(ReaderError, match="NFC-RF-01"):
        terminal.card_to_present(tapped(HeldReader(), tap()), 1)

    assert isinstance(terminal.card_to_present(tapped(HeldReader(), tap()), 1), messages.TokenCard)


def test_blank_that_is_awaited_becomes_a_card_at_the_full_screen(
    terminal: Terminal, site: RecordingSite
) -> None:
    person = Person(terminal)
    site.fates.append("422:card_unknown")

    person.taps(Tapped(tap(), HeldReader()))

    seen = person.sees()
    assert "C A R D   W R I T T E N" in seen
    assert "•••• 1234" in seen
    assert "写  卡  成  功" in person.sees("zh")
    assert terminal.journal.list_last(1) == []


@pytest.mark.parametrize(
    ("technology", "answers", "code"),
    [
        ("ntag424", ["422:card_unknown", "404:not_found"], "card_unknown"),
        ("ntag424", ["422:credential_refused", "400:malformed"], "credential_refused"),
        ("ntag424", ["422:card_unknown", "422:already_bound"], "already_bound"),
        ("ntag424", ["422:card_blocked"], "card_blocked"),
        ("ntag215", ["422:card_unknown"], "card_unknown"),
    ],
)
def test_chip_that_nobody_awaits_is_refused_as_its_inquiry_was(
    terminal: Terminal, site: RecordingSite, technology: str, answers: list[str], code: str
) -> None:
    site.fates.extend(answers)
    reader = HeldReader()

    with pytest.raises(Refused) as refused:
        terminal.meet(tapped(reader, tap(technology)))

    assert (refused.value.code, reader.commands) == (code, [])
    assert not site.fates
    assert len(site.calls) == len(answers)
