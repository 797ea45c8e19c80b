"""Scanners over real pty pairs and recorded key events: where a code ends, and what comes when one goes."""

from __future__ import annotations

import contextlib
import os
import pty
import threading
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terminals.scanners import CODE_LENGTH_MAX, Scanned, ScannerChanged, ScannerError, open_scanner
from terminals.scanners.codes import Splitter
from terminals.scanners.hid import EVENT, PLAIN, PRESSED, RELEASED, SHIFTED, HidScanner, KeyReader
from terminals.scanners.serial_port import SerialScanner
from terminals.scanners.watch import ScannerWatch
from terminals.watch import Event, Events

CODE = "881234567894070888320232"
WAIT_S = 10.0
# Written by hand in the kernel's form of an input event: "8A-1" and Enter, with shift held for the letter.
RECORDED = bytes.fromhex(
    "".join(
        f"{'00' * 16}{kind:02x}00{key:02x}00{value:02x}000000"
        for kind, key, value in [
            (4, 4, 37), (1, 9, 1), (0, 0, 0), (1, 9, 0), (0, 0, 0),
            (1, 42, 1), (1, 30, 1), (1, 30, 2), (1, 30, 0), (1, 42, 0), (0, 0, 0),
            (1, 12, 1), (1, 12, 0), (1, 2, 1), (1, 2, 0), (1, 28, 1), (0, 0, 0), (1, 28, 0), (0, 0, 0),
        ]
    )
)  # fmt: skip


@pytest.fixture
def pair() -> Iterator[tuple[int, str]]:
    """A pty pair: what is written to the first is heard at the port of the second's name."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    yield master, os.ttyname(slave)
    for descriptor in (master, slave):
        with contextlib.suppress(OSError):
            os.close(descriptor)


@pytest.fixture
def scanner(pair: tuple[int, str]) -> Iterator[SerialScanner]:
    made = open_scanner(f"serial:{pair[1]}")
    assert isinstance(made, SerialScanner)
    made.open()
    yield made
    made.close()


def next_event(events: Events) -> Event:
    event = events.next(WAIT_S)
    assert event is not None
    return event


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n", b""])
def test_code_ends_with_cr_lf_or_silence(scanner: SerialScanner, pair: tuple[int, str], end: bytes) -> None:
    os.write(pair[0], CODE.encode() + end)

    assert scanner.wait_for_code(stop=threading.Event()) == CODE


def test_codes_that_came_at_once_are_each_told(scanner: SerialScanner, pair: tuple[int, str]) -> None:
    os.write(pair[0], b"one\r\ntwo\rthree\n\n\n")

    assert [scanner.wait_for_code(stop=threading.Event()) for _ in range(3)] == ["one", "two", "three"]


def test_port_is_taken_for_this_agent_alone(scanner: SerialScanner, pair: tuple[int, str]) -> None:
    with pytest.raises(ScannerError) as refused:
        SerialScanner(pair[1]).open()

    assert refused.value.code == "HW-DRV-01"
    assert "another program" in refused.value.detail


def test_scanner_that_went_is_named_and_comes_back(tmp_path: Path) -> None:
    port = tmp_path / "scanner"
    first, first_slave = pty.openpty()
    port.symlink_to(os.ttyname(first_slave))
    events = Events()
    watch = ScannerWatch(f"serial:{port}", events)
    watch.start()
    assert next_event(events) == ScannerChanged(f"serial:{port}")

    port.unlink()
    os.close(first)
    os.close(first_slave)
    gone = next_event(events)
    assert isinstance(gone, ScannerChanged)
    assert gone.code == "HW-USB-01"

    second, second_slave = pty.openpty()
    tty.setraw(second_slave)
    port.symlink_to(os.ttyname(second_slave))
    changes = iter(lambda: next_event(events), ScannerChanged(f"serial:{port}"))
    assert {change.code for change in changes if isinstance(change, ScannerChanged)} <= {"HW-USB-01"}
    os.write(second, f"{CODE}\r".encode())

    assert next_event(events) == Scanned(CODE)
    watch.stop()
    assert not watch.is_alive()
    os.close(second)
    os.close(second_slave)


def test_missing_port_is_named() -> None:
    with pytest.raises(ScannerError) as refused:
        open_scanner("serial:/dev/does-not-exist").open()

    assert refused.value.code == "HW-USB-01"


@pytest.mark.parametrize("path", ["", "serial", "serial:", "hid:", "usb", "serial:/dev/ttyS0:fast"])
def test_path_that_is_no_scanner_is_refused(path: str) -> None:
    with pytest.raises(ScannerError) as refused:
        open_scanner(path)

    assert refused.value.code == "HW-DRV-01"


def test_what_is_longer_than_any_code_is_dropped_whole() -> None:
    splitter = Splitter()

    splitter.feed(b"x" * (CODE_LENGTH_MAX + 1) + b"\r" + CODE.encode() + b"\r")

    assert (splitter.next(), splitter.next()) == (CODE, None)


@given(st.lists(st.binary(max_size=40), max_size=20))
def test_bytes_are_cut_alike_however_they_arrive(pieces: list[bytes]) -> None:
    whole, parts = Splitter(), Splitter()
    whole.feed(b"".join(pieces))
    for piece in pieces:
        parts.feed(piece)

    assert list(iter(whole.next, None)) == list(iter(parts.next, None))


def test_recorded_keys_are_the_code_that_was_scanned(tmp_path: Path) -> None:
    fifo = tmp_path / "event0"
    os.mkfifo(fifo)
    scanner = HidScanner(str(fifo), take=lambda descriptor: None)
    scanner.open()
    writer = os.open(fifo, os.O_WRONLY)
    # Cut in the middle of a record's run, as reads may be.
    os.write(writer, RECORDED[: EVENT.size * 7])
    os.write(writer, RECORDED[EVENT.size * 7 :] + RECORDED)

    assert [scanner.wait_for_code(stop=threading.Event()) for _ in range(2)] == ["8A-1", "8A-1"]
    os.close(writer)
    with pytest.raises(ScannerError) as gone:
        scanner.wait_for_code(stop=threading.Event())
    assert gone.value.code == "HW-USB-01"
    scanner.close()


def test_device_that_cannot_be_grabbed_is_not_listened_to(tmp_path: Path) -> None:
    fifo = tmp_path / "event0"
    os.mkfifo(fifo)

    with pytest.raises(ScannerError):
        HidScanner(str(fifo)).open()


@given(st.text(alphabet=sorted(set(PLAIN.values()) | set(SHIFTED.values())), min_size=1, max_size=40))
def test_every_printable_key_types_what_stands_on_it(text: str) -> None:
    keys = KeyReader()
    for letter in text:
        shifted = letter not in PLAIN.values()
        table = SHIFTED if shifted else PLAIN
        key = next(key for key, typed in table.items() if typed == letter)
        if shifted:
            keys.on_key(42, PRESSED)
        keys.on_key(key, PRESSED)
        keys.on_key(key, RELEASED)
        keys.on_key(42, RELEASED)

    assert keys.on_key(28, PRESSED) == (text.strip() or None)


def test_unknown_key_spoils_the_code_and_not_the_next() -> None:
    keys = KeyReader()
    for key in (9, 200, 9):
        keys.on_key(key, PRESSED)

    assert keys.on_key(28, PRESSED) == "8\ufffd8"
    keys.on_key(9, PRESSED)
    assert keys.on_key(28, PRESSED) == "8"
