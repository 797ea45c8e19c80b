"""One terminal with a reader for the customer and one for the staff: a tap counts at either."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from terminals import watch
from terminals.presenting import wait_for_tap
from terminals.readers import ReaderError, open_reader, paths_of
from terminals.simulator.counters import Counters
from terminals.simulator.device import Injected
from terminals.watch import Events, ReaderChanged, ReadersSeen, Tapped, watch_readers
from tests.terminals.card_table import Table, proven
from tests.terminals.test_readers_pcsc import card, counters
from tests.terminals.test_readers_udp import UIDS, Simulator
from tests.terminals.virtual_pcsc import NAME, Daemon, Slot, daemon, slot

__all__ = ["counters", "daemon", "slot"]
WAIT_S = 20.0
Kind = TypeVar("Kind", Tapped, ReaderChanged)


def next_of(events: Events, kind: type[Kind]) -> Kind:
    """Give the next event of a kind."""
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        event = events.next(1.0)
        if isinstance(event, kind):
            return event
    raise AssertionError(f"no {kind}")


@pytest.mark.parametrize(
    ("readers", "paths"),
    [
        ("usb", ["usb"]),
        ("usb:serial:A1, usb:serial:B2", ["usb:serial:A1", "usb:serial:B2"]),
        (
            "pcsc:ACS ACR1252 00 00,pcsc:ACS ACR1252 01 00",
            ["pcsc:ACS ACR1252 00 00", "pcsc:ACS ACR1252 01 00"],
        ),
        ("usb,usb", ["usb"]),
        ("", [""]),
    ],
)
def test_readers_are_parted_by_commas(readers: str, paths: list[str]) -> None:
    assert paths_of(readers) == paths


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[Simulator, Simulator]]:
    folders = [tmp_path / name for name in ("customer", "staff")]
    for folder in folders:
        folder.mkdir()
    simulators = [Simulator(folder) for folder in folders]
    yield simulators[0], simulators[1]
    for simulator in simulators:
        assert simulator.end() == 0


def test_tap_at_either_of_two_readers_is_taken(pair: tuple[Simulator, Simulator]) -> None:
    """Two devices of nfcpy are open in one process, over UDP, and each card is spoken to where it lies."""
    readers, events = ",".join(simulator.path for simulator in pair), Events()
    watches = watch_readers(readers, events)
    for one in watches:
        one.start()
    for number in (1, 2):
        hand = threading.Thread(target=pair[number - 1].order, args=(f"tap {number} for 600000",))
        hand.start()
        tapped = next_of(events, Tapped)
        hand.join()
        assert proven(tapped.tap).uid == bytes.fromhex(UIDS[number])
        assert pair[number - 1].path in tapped.reader.name
        # NDEF application: the card is spoken to while the other reader is watched.
        selected = tapped.reader.transceive(bytes.fromhex("00A4040007D276000085010100"))
        assert selected == b"\x90\x00"
    for one in watches:
        one.stop()

    told: list[str] = []
    uid = wait_for_tap(
        readers,
        wait_s=WAIT_S,
        use=lambda reader, tap: tap.uid,
        tell=lambda code, detail: told.append(code),
        ready=lambda: pair[0].order("away"),
    )
    assert (uid, told) == (UIDS[2], [])


def test_reader_that_is_pulled_out_is_named_and_the_other_sells_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = {"usb:serial:A1": tmp_path / "a", "usb:serial:B2": tmp_path / "b"}
    for folder in places.values():
        folder.mkdir()
    tables = {path: Table(folder) for path, folder in places.items()}
    monkeypatch.setattr(watch, "open_reader", lambda path: tables[path].reader)
    monkeypatch.setattr(watch, "REOPEN_S", 0.01)
    events, seen = Events(), ReadersSeen()
    watches = watch_readers(",".join(places), events)
    for one in watches:
        one.start()
    for _ in places:
        changed = next_of(events, ReaderChanged)
        assert not seen.note(changed)

    gone, left = tables["usb:serial:A1"], tables["usb:serial:B2"]
    gone.device.faults = {len(gone.device.frames) + 1: Injected.UNPLUG}
    gone.field.put(gone.card())
    changed = next_of(events, ReaderChanged)
    assert (changed.path, changed.code) == ("usb:serial:A1", "HW-USB-01")
    assert seen.note(changed)
    assert seen.worst.path == "usb:serial:A1"
    left.field.put(left.card(2))
    tapped = next_of(events, Tapped)

    assert tapped.tap.uid == "04a1b2c3d40002"
    seen.note(ReaderChanged("back", path="usb:serial:A1"))
    assert seen.worst.code == ""
    for one in watches:
        one.stop()
    for table in tables.values():
        table.counters.close()


def test_wait_ends_when_every_reader_is_gone_and_not_before() -> None:
    told: list[str] = []
    with pytest.raises(ReaderError, match="HW-"):
        wait_for_tap(
            "nonsense:0,tty:NONE9:pn532",
            wait_s=WAIT_S,
            use=lambda reader, tap: tap,
            tell=lambda code, detail: told.append(code),
            ready=lambda: None,
        )
    assert sorted(told) == ["HW-DRV-01", "HW-USB-01"]


def test_two_pcsc_readers_are_told_apart_by_name(daemon: Daemon, slot: Slot, counters: Counters) -> None:
    second = Slot(slot.port + 1, slot.listener)
    readers = [open_reader(f"pcsc:{NAME} 00 {place:02}") for place in range(2)]
    for place, (one, on) in enumerate(zip(readers, (slot, second), strict=True)):
        one.open()
        shown = card(counters, place + 1)
        on.put(shown.uid, shown.answer_command)
        stop = threading.Event()
        timer = threading.Timer(WAIT_S, stop.set)
        timer.start()
        tap = one.wait_for_tap(stop=stop)
        timer.cancel()
        assert tap is not None
        assert proven(tap).uid == shown.uid
        assert one.name.endswith(f"00 {place:02}")
    second.clear()
    for one in readers:
        one.close()
