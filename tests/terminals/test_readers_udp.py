"""Taps over UDP from a simulator in its own process, through nfcpy's own driver."""

from __future__ import annotations

import json
import os
import queue
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from prepaid.cards.crypto import SunIdentity
from terminals.readers import Reader, ReaderError, Tap, open_reader
from terminals.simulator import control
from tests.terminals.card_table import KEY_FILE, KEY_META, URI_BASE, Polls, proven

TAPS = 33
DEADLINE_S = 60.0
UIDS = {1: "04a1b2c3d40001", 2: "04a1b2c3d40002", 3: "04a1b2c3d40003"}


class Simulator:
    """A simulator process over a folder of cards."""

    def __init__(self, folder: Path) -> None:
        self.cards = folder / "cards.json"
        self.control = str(folder / "control")
        if not self.cards.exists():
            self.cards.write_text(json.dumps([*map(ntag424, UIDS), felica(4)]))
        self.program = subprocess.Popen(
            simulate(self.cards, self.control),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.program.stdout is not None
        said = re.search(r"udp:127\.0\.0\.1:(\d+)", self.program.stdout.readline())
        assert said is not None
        self.path, self.port = said[0], int(said[1])

    def order(self, words: str) -> str:
        """Give an order that is obeyed."""
        is_obeyed, text = control.ask(self.control, words)
        assert is_obeyed, text
        return text

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End the process by a signal, and give its exit code."""
        self.program.send_signal(number)
        code = self.program.wait(DEADLINE_S)
        assert self.program.stdout is not None
        self.program.stdout.close()
        return code


def simulate(cards: Path, control_place: str) -> list[str]:
    """Give the command that serves these cards at a port of its own choice."""
    options = ["--cards", str(cards), "--listen", "127.0.0.1:0", "--control", control_place]
    return [sys.executable, "-m", "terminals.simulator", "simulate", *options]


def ntag424(number: int) -> dict[str, object]:
    return {
        "card": number,
        "label": f"Card {number}",
        "uid": UIDS[number],
        "uri_base": URI_BASE,
        "key_meta": KEY_META.hex(),
        "key_file": KEY_FILE.hex(),
        "counter": 100 * number,
        "random_uid": number == 3,
    }


def felica(number: int) -> dict[str, object]:
    return {"card": number, "technology": "felica_lite_s", "uid": "02fe010203040506"}


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[Simulator]:
    started = Simulator(tmp_path)
    yield started
    if started.program.poll() is None:
        assert started.end() == 0


@pytest.fixture
def reader(simulator: Simulator) -> Iterator[Reader]:
    opened = open_reader(simulator.path)
    opened.open()
    yield opened
    opened.close()


def wait(reader: Reader) -> Tap:
    """Wait for a tap, for a minute at most."""
    stop = threading.Event()
    timer = threading.Timer(DEADLINE_S, stop.set)
    timer.start()
    try:
        tap = reader.wait_for_tap(stop=stop)
    finally:
        timer.cancel()
    assert tap is not None
    return tap


def tap_while_watched(simulator: Simulator, reader: Reader, words: str) -> Tap:
    """Give the order while the reader looks, as it does in a shop: a card is put down on an empty field."""
    said: list[str] = []
    hand = threading.Thread(target=lambda: said.append(simulator.order(words)))
    hand.start()
    try:
        return wait(reader)
    finally:
        hand.join()
        assert len(said) == 1


def test_taps_over_udp_are_each_read_with_a_rising_count(simulator: Simulator, reader: Reader) -> None:
    proofs = [proven(tap_while_watched(simulator, reader, f"tap {turn % 3 + 1}")) for turn in range(TAPS)]

    for number, uid in UIDS.items():
        counts = [proof.counter for proof in proofs if proof.uid == bytes.fromhex(uid)]
        assert len(counts) == TAPS // 3
        assert counts == sorted(set(counts))
        assert counts[0] > 100 * number


def test_same_card_tapped_again_is_another_tap_and_left_there_is_none(
    simulator: Simulator, reader: Reader
) -> None:
    counts = [proven(tap_while_watched(simulator, reader, "tap 1")).counter for _ in range(3)]

    assert counts == sorted(set(counts))
    stop = Polls(limit=200)
    assert reader.wait_for_tap(stop=stop) is None
    assert stop.count == 200


def test_felica_card_is_read_over_udp(simulator: Simulator, reader: Reader) -> None:
    tap = tap_while_watched(simulator, reader, "tap 4")

    assert (tap.technology, tap.uid) == ("felica_lite_s", "02fe010203040506")


def test_card_held_for_a_while_is_read_and_leaves(simulator: Simulator, reader: Reader) -> None:
    tap = tap_while_watched(simulator, reader, "tap 2 for 600000")
    assert proven(tap).uid == bytes.fromhex(UIDS[2])

    simulator.order("away")
    again = tap_while_watched(simulator, reader, "tap 2")
    assert proven(again).counter > proven(tap).counter


@pytest.mark.kill
def test_killed_simulator_never_repeats_a_count(tmp_path: Path) -> None:
    counts: list[int] = []
    for readings in (1, 4, 7):
        simulator = Simulator(tmp_path)
        simulator.order("tap 1")
        proofs = queue.SimpleQueue[SunIdentity]()
        thread = threading.Thread(target=read_until_silent, args=(simulator.path, proofs))
        thread.start()
        counts += [proofs.get(timeout=DEADLINE_S).counter for _ in range(readings)]
        # The kill comes while the card is read on.
        assert simulator.end(signal.SIGKILL) == -signal.SIGKILL
        thread.join(DEADLINE_S)
        while not proofs.empty():
            counts.append(proofs.get().counter)

    assert len(counts) >= 12
    assert counts == sorted(set(counts))


def read_until_silent(path: str, proofs: queue.SimpleQueue[SunIdentity]) -> None:
    """Read the card there as often as it answers, each time as a reader that knows nothing of before."""
    while True:
        reader = open_reader(path)
        reader.open()
        try:
            tap = reader.wait_for_tap(stop=Polls(limit=1))
        except ReaderError:
            return
        finally:
            reader.close()
        if tap is None:
            return
        proofs.put(proven(tap))


def test_simulator_ends_on_a_signal_and_leaves_no_socket(simulator: Simulator) -> None:
    assert os.path.exists(simulator.control)

    assert simulator.end(signal.SIGINT) == 0

    assert not os.path.exists(simulator.control)


def test_second_simulator_over_the_same_cards_is_refused(simulator: Simulator) -> None:
    second = subprocess.run(
        simulate(simulator.cards, f"{simulator.control}-2"),
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )

    assert second.returncode == 1
    assert "another simulator" in second.stderr


def test_garbage_on_the_air_is_not_answered_and_harms_nothing(simulator: Simulator, reader: Reader) -> None:
    garbage = [b"", b"106A", b"106A zz", b"\xff" * 100, b"999X 26", b"106A 26 26", b"106A " + b"00" * 2000]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        for datagram in [*garbage, b"106A 0200a4"]:
            stranger.sendto(datagram, ("127.0.0.1", simulator.port))
        stranger.sendto(b"106A 26", ("127.0.0.1", simulator.port))
        stranger.settimeout(DEADLINE_S)
        assert stranger.recv(100) == b"RFOFF"

    assert proven(tap_while_watched(simulator, reader, "tap 1")).uid == bytes.fromhex(UIDS[1])
