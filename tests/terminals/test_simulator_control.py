"""The simulator's words, its control line and its files."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from terminals.errors import StateError
from terminals.simulator import control
from terminals.simulator.cards import counters_of, read_cards
from terminals.simulator.counters import Counters
from terminals.simulator.felica_lite_s import FelicaLiteS
from terminals.simulator.field import Field, VirtualCard
from terminals.simulator.hand import EMPTY_POLLS_BEFORE_TAP, QUIET_S, Hand
from terminals.simulator.ntag215 import Ntag215
from terminals.simulator.orders import HELP, Away, List, Order, OrderError, Quit, Tap, parse_order
from terminals.simulator.server import CLIENTS_MAX, LINE_BYTES_MAX, CardServer
from tests.terminals.card_table import KEY_FILE, KEY_META, URI_BASE

ONE = Ntag215(number=1, label="Anna", uid=bytes.fromhex("04a1b2c3d4e5f6"))
TWO = FelicaLiteS(number=2, label="", uid=bytes.fromhex("02fe010203040506"))


@pytest.mark.parametrize(
    ("line", "order"),
    [
        ("tap 3", Tap((3,))),
        ("tap card 3", Tap((3,))),
        ("  TAP   3 ", Tap((3,))),
        ("tap 3 for 800", Tap((3,), 800)),
        ("tap 1 2", Tap((1, 2))),
        ("tap 1 1", Tap((1,))),
        ("away", Away()),
        ("take away", Away()),
        ("tap away", Away()),
        ("list", List()),
        ("tap list", List()),
        ("quit", Quit()),
    ],
)
def test_words_are_understood(line: str, order: Order) -> None:
    assert parse_order(line) == order


@pytest.mark.parametrize(
    "line",
    [
        *("", "tap", "tap x", "tap -1", "tap 1.5", "tap 1 for", "tap 1 for 0", "tap 1 for 600001"),
        *("tap 1 2 3 4 5", "tap 1234567", "pay 1", "tap ３"),
    ],
)
def test_other_words_are_refused_with_what_can_be_said(line: str) -> None:
    with pytest.raises(OrderError):
        parse_order(line)


class Clock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_card_is_put_down_at_once_before_a_reader_that_does_not_look() -> None:
    field, said = Field(), list[str]()

    Hand(field, Clock()).put([ONE], None, said.append)

    assert field.cards == [ONE]
    assert said == ["card 1 (Anna)"]


def test_card_waits_until_a_looking_reader_saw_the_field_empty() -> None:
    field, said = Field(), list[str]()
    hand = Hand(field, Clock())
    hand.put([ONE], None, said.append)
    hand.note_poll()

    hand.put([ONE], None, said.append)
    for _ in range(EMPTY_POLLS_BEFORE_TAP - 1):
        hand.note_poll()
        hand.move()
    assert (field.cards, said) == ([], ["card 1 (Anna)"])

    hand.note_poll()
    hand.move()
    assert (field.cards, said) == ([ONE], ["card 1 (Anna)"] * 2)


def test_card_waits_for_nobody_where_a_reader_is_opened_for_each() -> None:
    field = Field()
    hand = Hand(field, Clock(), empty_polls_before_tap=0)
    hand.put([ONE], None, str)
    hand.note_poll()

    hand.put([TWO], None, str)

    assert field.cards == [TWO]


def test_card_does_not_wait_for_a_reader_that_stopped_looking() -> None:
    field, clock = Field(), Clock()
    hand = Hand(field, clock)
    hand.put([ONE], None, str)
    hand.note_poll()
    hand.put([TWO], None, str)

    clock.now += QUIET_S
    hand.move()
    assert field.cards == []
    clock.now += 0.1
    hand.move()
    assert field.cards == [TWO]


def test_card_leaves_when_its_time_is_up() -> None:
    field, clock = Field(), Clock()
    hand = Hand(field, clock)
    hand.put([ONE], 0.8, str)

    clock.now += 0.7
    hand.move()
    assert field.cards == [ONE]
    clock.now += 0.2
    hand.move()
    assert field.cards == []


@pytest.fixture
def place(tmp_path: Path) -> Iterator[str]:
    path = str(tmp_path / "control")
    server = CardServer([ONE, TWO], listen=("127.0.0.1", 0), control=control.listen(path), say=str)
    thread = threading.Thread(target=server.serve)
    thread.start()
    yield path
    server.stop()
    thread.join()


def test_orders_are_answered_over_the_control_line(place: str) -> None:
    assert control.ask(place, "list") == (
        True,
        "card 1 (Anna): ntag215 04a1b2c3d4e5f6\ncard 2: felica_lite_s 02fe010203040506\n2 cards",
    )
    assert control.ask(place, "tap 1") == (True, "card 1 (Anna) on the reader")
    assert control.ask(place, "tap 1 2") == (True, "card 1 (Anna) and card 2 on the reader")
    assert control.ask(place, "away") == (True, "nothing is on the reader")
    assert control.ask(place, "tap 7") == (False, "there is no card 7")
    is_obeyed, text = control.ask(place, "pay 7")
    assert not is_obeyed
    assert text.startswith("say one of: tap 1")


def test_control_line_bears_long_lines_and_many_clients(place: str) -> None:
    with socket.socket(socket.AF_UNIX) as talker:
        talker.connect(place)
        talker.sendall(b"1" * (LINE_BYTES_MAX + 1))
        assert talker.recv(100) == b""
    clients = []
    for _ in range(CLIENTS_MAX):
        client = socket.socket(socket.AF_UNIX)
        client.connect(place)
        client.sendall(b"list\n")
        assert client.recv(4096).endswith(b"ok 2 cards\n")
        clients.append(client)
    with pytest.raises(control.SimulatorError):
        control.ask(place, "list")
    for client in clients:
        client.close()

    while True:
        try:
            assert control.ask(place, "list")[0]
        except control.SimulatorError:
            continue
        break


def test_orders_are_typed_too(tmp_path: Path) -> None:
    said: list[str] = []
    typed, keyboard = os.pipe()
    line = control.listen(str(tmp_path / "control"))
    server = CardServer([ONE], listen=("127.0.0.1", 0), control=line, say=said.append, typed=typed)

    os.write(keyboard, b"tap 1\n\nlist\npay\nquit\n")
    server.serve()

    assert said == [
        "card 1 (Anna) on the reader",
        "card 1 (Anna): ntag215 04a1b2c3d4e5f6\n1 card",
        f"say one of: {HELP}",
        "bye",
    ]
    os.close(typed)
    os.close(keyboard)


@pytest.mark.parametrize(
    "listen", ["0.0.0.0:1", "192.0.2.1:1", "example.com:1", "127.0.0.1:x", "127.0.0.1:70000"]
)
def test_only_this_machine_is_listened_to(listen: str) -> None:
    with pytest.raises(control.SimulatorError):
        control.parse_listen(listen)


def test_control_line_takes_a_port_too(tmp_path: Path) -> None:
    line = control.listen("0")
    place = f"127.0.0.1:{line.getsockname()[1]}"
    server = CardServer([ONE], listen=("127.0.0.1", 0), control=line, say=str)
    thread = threading.Thread(target=server.serve)
    thread.start()

    assert control.ask(place, "tap 1") == (True, "card 1 (Anna) on the reader")

    control.ask(place, "quit")
    thread.join()
    with pytest.raises(control.SimulatorError):
        control.ask(place, "tap 1")


def test_socket_file_of_a_dead_simulator_is_taken_over_and_of_a_live_one_not(tmp_path: Path) -> None:
    place = str(tmp_path / "control")
    control.listen(place).close()

    with control.listen(place), pytest.raises(control.SimulatorError, match="another simulator"):
        control.listen(place)


def test_command_without_a_simulator_says_so(tmp_path: Path) -> None:
    place = str(tmp_path / "control")

    said = subprocess.run(
        [sys.executable, "-m", "terminals.simulator", "tap", "1", "--control", place],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert said.returncode == 1
    assert f"no simulator answers at {place}" in said.stderr
    assert said.stderr.count("\n") == 1


CARD = {
    "card": 1,
    "uid": "04a1b2c3d40001",
    "uri_base": URI_BASE,
    "key_meta": KEY_META.hex(),
    "key_file": KEY_FILE.hex(),
}


def read(folder: Path, cards: object) -> list[VirtualCard]:
    file = folder / "cards.json"
    file.write_text(json.dumps(cards))
    with Counters(counters_of(file)) as counters:
        return read_cards(file, counters)


def test_file_of_cards_is_read_in_its_order(tmp_path: Path) -> None:
    cards = read(tmp_path, [CARD | {"card": 7, "label": "Anna", "technology": "ntag424"}, CARD])

    assert [(card.number, card.label, card.technology) for card in cards] == [
        (7, "Anna", "ntag424"),
        (1, "", "ntag424"),
    ]


@pytest.mark.parametrize(
    "cards",
    [
        {},
        [CARD, CARD],
        [CARD | {"uid": "04"}],
        [CARD | {"uid": "02fe010203040506"}],
        [CARD | {"technology": "felica_lite_s"}],
        [CARD | {"key_file": "00"}],
        [CARD | {"key_file": None}],
        [CARD | {"uri_base": "https://cards.example/" + "t" * 200}],
        [CARD | {"enc": "00"}],
        [CARD | {"colour": "red"}],
        [CARD | {"counter": -1}],
        [CARD | {"technology": "mifare"}],
    ],
)
def test_file_that_does_not_describe_cards_is_refused_as_a_whole(tmp_path: Path, cards: object) -> None:
    with pytest.raises(StateError) as raised:
        read(tmp_path, cards)

    assert raised.value.code == "SW-STATE-01"


def test_counter_begins_at_the_higher_of_file_and_memory(tmp_path: Path) -> None:
    file = tmp_path / "c.json"
    with Counters(file) as counters:
        counters.at_least("aa", 10)
        assert [counters.next("aa") for _ in range(3)] == [11, 12, 13]
    with Counters(file) as counters:
        counters.at_least("aa", 10)
        assert counters.next("aa") == 14
        counters.at_least("aa", 50)
        assert counters.next("aa") == 51
    assert json.loads(file.read_text()) == {"aa": 51}


@pytest.mark.parametrize("content", ["", "{", "[]", '{"aa": "1"}'])
def test_damaged_counters_are_not_begun_anew(tmp_path: Path, content: str) -> None:
    file = tmp_path / "c.json"
    file.write_text(content)

    with pytest.raises(StateError):
        Counters(file)

    assert file.read_text() == content


def test_counters_are_driven_by_one_program_at_a_time(tmp_path: Path) -> None:
    file = tmp_path / "c.json"
    with Counters(file), pytest.raises(StateError) as raised:
        Counters(file)

    assert raised.value.code == "SW-LOCK-01"
    Counters(file).close()
