"""Readers bound by serial number: found wherever they are plugged in, and named when they moved."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from terminals import watch
from terminals.readers import ReaderError, open_reader
from terminals.readers.nfcpy import Frontend, NfcpyReader
from terminals.readers.usb import Bound, find_by_serial
from terminals.simulator.device import Injected, SimulatedDevice
from terminals.watch import Events, ReaderChanged, ReaderWatch, Tapped
from tests.terminals.card_table import Table, proven

WAIT_S = 15.0


class Bus:
    """A folder as Linux lists its USB devices in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "devices"
        self.folder.mkdir()

    def plug(self, port: str, serial: str, address: int) -> None:
        device = self.folder / port
        device.mkdir()
        for name, told in (("serial", serial), ("busnum", "1"), ("devnum", str(address))):
            (device / name).write_text(f"{told}\n")

    def unplug(self, port: str) -> None:
        for file in (self.folder / port).iterdir():
            file.unlink()
        (self.folder / port).rmdir()


@pytest.fixture
def bus(tmp_path: Path) -> Bus:
    made = Bus(tmp_path)
    made.plug("1-1", "AAA111", 4)
    made.plug("1-2", "BBB222", 5)
    (made.folder / "usb1").mkdir()
    return made


@pytest.mark.parametrize(("serial", "place"), [("AAA111", "usb:001:004"), ("BBB222", "usb:001:005")])
def test_each_of_two_readers_is_found_by_its_number(bus: Bus, serial: str, place: str) -> None:
    assert find_by_serial(serial, devices=bus.folder) == place


def test_number_that_no_device_has_is_told_with_those_that_there_are(bus: Bus) -> None:
    with pytest.raises(ReaderError) as missing:
        find_by_serial("CCC333", devices=bus.folder)

    assert missing.value.code == "HW-USB-01"
    assert "AAA111" in missing.value.detail


def test_reader_that_moved_is_named_once_and_opened_where_it_is(bus: Bus) -> None:
    opened: list[str] = []
    bound = Bound(opened.append, devices=bus.folder)
    bound("usb:serial:AAA111")
    bus.unplug("1-1")
    bus.plug("1-3", "AAA111", 9)

    with pytest.raises(ReaderError) as moved:
        bound("usb:serial:AAA111")
    bound("usb:serial:AAA111")

    assert moved.value.code == "HW-USB-02"
    assert opened == ["usb:001:004", "usb:001:009"]


def test_path_by_serial_number_is_one_of_a_reader() -> None:
    assert open_reader("usb:serial:AAA111").name == "usb:serial:AAA111"


def test_unplugged_reader_is_rebound_at_another_port_and_reads_on(
    bus: Bus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "table").mkdir()
    table = Table(tmp_path / "table")
    devices = [SimulatedDevice(table.field, {1: Injected.UNPLUG}), SimulatedDevice(table.field)]

    def connect(place: str) -> Frontend:
        if place != f"usb:001:{(4, 9)[2 - len(devices)]:03}":
            raise OSError(errno.ENODEV, "no such device")
        frontend = Frontend()
        frontend.device = devices.pop(0)
        if devices:
            bus.unplug("1-1")
            bus.plug("1-3", "AAA111", 9)
        return frontend

    reader = NfcpyReader("usb:serial:AAA111", connect=Bound(connect, devices=bus.folder))
    monkeypatch.setattr(watch, "open_reader", lambda path: reader)
    monkeypatch.setattr(watch, "REOPEN_S", 0.01)
    monkeypatch.setattr("terminals.readers.nfcpy.REOPEN_INTERVAL_S", 0.01)
    events = Events()
    thread = ReaderWatch("usb:serial:AAA111", events)
    card = table.card()
    table.field.put(card)
    thread.start()

    codes: list[str] = []
    tap = None
    while tap is None:
        event = events.next(WAIT_S)
        assert event is not None, codes
        if isinstance(event, ReaderChanged):
            codes.append(event.code)
        elif isinstance(event, Tapped):
            tap = event.tap
    thread.stop()

    assert codes == ["", "HW-USB-01", "HW-USB-02", ""]
    assert proven(tap).uid == card.uid
    table.counters.close()
