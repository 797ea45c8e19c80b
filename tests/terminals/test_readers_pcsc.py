"""Taps through the real PC/SC stack: pcscd, its virtual reader, and a simulated NTAG 424 DNA behind it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from terminals.messages import UidCard
from terminals.readers import Reader, ReaderError, Tap, open_reader
from terminals.simulator.cards import CardDescription, make_card
from terminals.simulator.counters import Counters
from terminals.simulator.field import VirtualCard
from terminals.simulator.ntag424 import FILE_NOT_FOUND, Ntag424
from tests.terminals.card_table import KEY_FILE, KEY_META, URI_BASE, proven
from tests.terminals.virtual_pcsc import MEMORY_TAG_ATR, NAME, Daemon, Slot, daemon, slot, wait_until

__all__ = ["daemon", "slot"]


@pytest.fixture
def counters(tmp_path: Path) -> Iterator[Counters]:
    made = Counters(tmp_path / "cards.counters.json")
    yield made
    made.close()


@pytest.fixture
def reader(daemon: Daemon) -> Iterator[Reader]:
    made = open_reader("pcsc")
    made.open()
    yield made
    made.close()


def card(counters: Counters, number: int = 1, **changes: Any) -> Ntag424:
    described: dict[str, Any] = {
        "card": number,
        "uid": f"04a1b2c3d4{number:04x}",
        "uri_base": URI_BASE,
        "key_meta": KEY_META.hex(),
        "key_file": KEY_FILE.hex(),
    }
    made: VirtualCard = make_card(CardDescription(**described | changes), counters)
    assert isinstance(made, Ntag424)
    made.deactivate()
    return made


def put(slot: Slot, shown: Ntag424) -> None:
    slot.put(shown.uid, shown.answer_command)


def wait(reader: Reader, seconds: float = 15.0) -> Tap | None:
    stop = threading.Event()
    timer = threading.Timer(seconds, stop.set)
    timer.start()
    try:
        return reader.wait_for_tap(stop=stop)
    finally:
        timer.cancel()


def tap(reader: Reader, slot: Slot, shown: Ntag424) -> Tap:
    put(slot, shown)
    made = wait(reader)
    assert made is not None
    return made


def test_tap_is_read_by_apdus_and_proves_its_card(reader: Reader, slot: Slot, counters: Counters) -> None:
    shown = card(counters)

    made = tap(reader, slot, shown)

    assert NAME in reader.name
    assert (made.technology, made.uid) == ("ntag424", shown.uid.hex())
    identity = proven(made)
    assert (identity.uid, identity.counter) == (shown.uid, 1)


def test_card_left_on_the_reader_is_one_tap_and_one_count(
    reader: Reader, slot: Slot, counters: Counters
) -> None:
    shown = card(counters)
    tap(reader, slot, shown)

    assert wait(reader, 1.5) is None
    assert counters.next(shown.uid.hex()) == 2


def test_card_shown_again_is_another_tap(reader: Reader, slot: Slot, counters: Counters) -> None:
    shown = card(counters)
    counts = []
    for _ in range(2):
        counts.append(proven(tap(reader, slot, shown)).counter)
        slot.clear()
        assert wait(reader, 3.0) is None

    assert counts == [1, 2]


def test_card_of_the_last_tap_can_be_spoken_to(reader: Any, slot: Slot, counters: Counters) -> None:
    tap(reader, slot, card(counters))

    with reader.holding():
        assert reader.transceive(bytes.fromhex("9060000000"))[-2:] == b"\x91\xaf"
        assert reader.transceive(bytes.fromhex("90AF000000"))[-2:] == b"\x91\xaf"

    slot.clear()
    with pytest.raises(ReaderError) as gone:
        reader.transceive(bytes.fromhex("9060000000"))
    assert gone.value.code == "NFC-RF-01"


def test_iso_dep_card_without_our_application_is_a_bare_uid(reader: Reader, slot: Slot) -> None:
    slot.put(bytes.fromhex("04112233445566"), lambda command: FILE_NOT_FOUND)

    made = wait(reader)

    assert made is not None
    assert made.card == UidCard(uid="04112233445566", technology="iso_dep", entry="tap")


def test_memory_tag_is_named_by_its_atr_and_never_asked_for_a_proof(reader: Reader, slot: Slot) -> None:
    slot.put(bytes.fromhex("04aabbccddeeff"), lambda command: FILE_NOT_FOUND, MEMORY_TAG_ATR)

    made = wait(reader)

    assert made is not None
    assert made.card == UidCard(uid="04aabbccddeeff", technology="type_2", entry="tap")
    assert slot.commands == [bytes.fromhex("FFCA000000")]


def test_reader_that_went_is_named_and_comes_back(
    reader: Reader, slot: Slot, counters: Counters, daemon: Daemon
) -> None:
    tap(reader, slot, card(counters))
    slot.clear()
    assert wait(reader, 3.0) is None

    daemon.stop()
    with pytest.raises(ReaderError) as gone:
        wait(reader)
    assert gone.value.code in {"HW-USB-01", "HW-DRV-01"}

    daemon.start()
    put(slot, card(counters, 2))
    found: list[Tap] = []

    def is_back() -> bool:
        with contextlib.suppress(ReaderError):
            made = wait(reader, 5.0)
            found.extend([made] if made else [])
        return bool(found)

    wait_until(is_back)
    assert proven(found[0]).uid.hex() == "04a1b2c3d40002"


@pytest.mark.parametrize(("wanted", "is_found"), [("pcsc:virtual reader", True), ("pcsc:ACR122U", False)])
def test_one_of_several_readers_is_chosen_by_its_name(daemon: Daemon, wanted: str, is_found: bool) -> None:
    reader = open_reader(wanted)

    if is_found:
        reader.open()
        assert NAME in reader.name
    else:
        with pytest.raises(ReaderError) as missing:
            reader.open()
        assert missing.value.code == "HW-USB-01"
        assert NAME in missing.value.detail
    reader.close()


def test_daemon_that_does_not_run_is_named(slot: Slot) -> None:
    with pytest.raises(ReaderError) as missing:
        open_reader("pcsc").open()

    assert missing.value.code == "HW-DRV-01"
    assert "pcscd" in missing.value.detail
