"""What goes wrong with readers and cards, at each frame and by each error of the system."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import nfc.clf.transport
import pytest

from terminals.readers import ReaderError, Tap
from terminals.readers.nfcpy import Frontend, NfcpyReader, connect_device
from terminals.simulator.device import Injected
from tests.terminals.card_table import Polls, Table, proven

# On the simulated device: one frame looks for FeliCa, five find a type A card, eight read it.
FRAMES_UNTIL_FOUND = 6
FRAMES_OF_A_TAP = 14
TEARS = (Injected.TEAR_BEFORE, Injected.TEAR_AFTER)
GLITCHES = (Injected.LOST_COMMAND, Injected.LOST_ANSWER, Injected.GARBLED_ANSWER)


def test_a_tap_takes_as_many_frames_as_these_tests_break(tmp_path: Path) -> None:
    table = Table(tmp_path)
    table.field.put(table.card())

    assert table.wait() is not None

    assert len(table.device.frames) == FRAMES_OF_A_TAP


@pytest.mark.parametrize("fault", TEARS)
@pytest.mark.parametrize("frame", range(1, FRAMES_OF_A_TAP + 3))
def test_tear_ends_in_an_error_or_a_whole_tap(tmp_path: Path, frame: int, fault: Injected) -> None:
    table = Table(tmp_path, {frame: fault})
    card = table.card()
    table.field.put(card)

    seen = outcome(table)

    if frame <= FRAMES_UNTIL_FOUND:
        assert seen is None
    elif frame <= FRAMES_OF_A_TAP:
        assert isinstance(seen, ReaderError)
        assert seen.code == "NFC-RF-01"
    else:
        assert isinstance(seen, Tap)
        assert proven(seen).uid == card.uid
    assert outcome(table) is None

    again = table.tap(card)
    assert proven(again).counter == table.counters.next(card.uid.hex()) - 1


@pytest.mark.parametrize("fault", GLITCHES)
@pytest.mark.parametrize("frame", range(1, FRAMES_OF_A_TAP + 1))
def test_glitch_is_got_over_while_the_card_stays(tmp_path: Path, frame: int, fault: Injected) -> None:
    table = Table(tmp_path, {frame: fault})
    card = table.card()
    table.field.put(card)

    tap = outcome(table)

    assert isinstance(tap, Tap)
    assert proven(tap).uid == card.uid
    assert table.wait(polls=20) is None


@pytest.mark.parametrize("length", range(2, 9))
@pytest.mark.parametrize("frame", range(FRAMES_UNTIL_FOUND + 1, FRAMES_OF_A_TAP + 1))
def test_burst_of_glitches_never_makes_a_card_with_a_proof_a_bare_uid(
    tmp_path: Path, frame: int, length: int
) -> None:
    table = Table(tmp_path, dict.fromkeys(range(frame, frame + length), Injected.GARBLED_ANSWER))
    card = table.card()
    table.field.put(card)

    seen = outcome(table)
    if isinstance(seen, ReaderError):
        assert seen.code == "NFC-RF-01"
        seen = outcome(table)

    assert isinstance(seen, Tap)
    assert proven(seen).uid == card.uid


@pytest.mark.parametrize("frame", range(1, FRAMES_OF_A_TAP + 1))
def test_reader_pulled_out_at_a_frame_is_named_and_read_again_once_back(tmp_path: Path, frame: int) -> None:
    table = Table(tmp_path, {frame: Injected.UNPLUG})
    card = table.card()
    table.field.put(card)

    seen = outcome(table)
    assert isinstance(seen, ReaderError)
    assert seen.code == "HW-USB-01"

    table.device.is_plugged_in = True
    tap = outcome(table)
    assert isinstance(tap, Tap)
    assert proven(tap).counter == table.counters.next(card.uid.hex()) - 1


def test_card_that_lies_on_a_reader_which_is_plugged_in_again_is_one_tap(tmp_path: Path) -> None:
    table = Table(tmp_path)
    table.field.put(table.card())
    assert table.wait() is not None

    table.device.is_plugged_in = False
    assert isinstance(outcome(table), ReaderError)
    table.device.is_plugged_in = True

    assert table.wait(polls=20) is None


def test_missing_reader_is_told_at_each_opening_and_waited_for_in_between(tmp_path: Path) -> None:
    table = Table(tmp_path)
    opened: list[str] = []

    def refuse(path: str) -> Frontend:
        opened.append(path)
        raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))

    reader = NfcpyReader("usb", connect=refuse)
    stop = Polls(limit=10)
    for _ in range(3):
        with pytest.raises(ReaderError) as raised:
            reader.wait_for_tap(stop=stop)
        assert raised.value.code == "HW-USB-01"

    assert opened == ["usb"] * 3
    assert stop.count == 2
    table.reader.close()


@pytest.mark.parametrize(
    ("path", "error", "code", "says"),
    [
        ("usb", OSError(errno.EACCES, "Permission denied"), "HW-DRV-01", "70-prepaid-reader.rules"),
        ("tty:USB0:pn532", OSError(errno.EACCES, "Permission denied"), "HW-DRV-01", "dialout"),
        ("usb", OSError(errno.EBUSY, "Device or resource busy"), "HW-DRV-01", "pn533_usb"),
        ("usb", OSError(errno.ENOENT, "cannot find a suitable libusb-1.0"), "HW-DRV-01", "libusb-1.0-0"),
        ("usb", OSError(errno.ENODEV, "No such device"), "HW-USB-01", "No such device"),
        ("usb", OSError(errno.ETIMEDOUT, "Connection timed out"), "HW-USB-01", "timed out"),
        ("udp:nowhere.invalid:1", OSError(-2, "Name or service not known"), "HW-USB-01", "not known"),
        ("udp:127.0.0.1:x", ValueError("invalid literal"), "HW-USB-01", "invalid literal"),
    ],
)
def test_error_of_the_system_is_named_with_what_to_do(
    path: str, error: Exception, code: str, says: str
) -> None:
    def refuse(_: str) -> Frontend:
        raise error

    with pytest.raises(ReaderError) as raised:
        NfcpyReader(path, connect=refuse).open()

    assert raised.value.code == code
    assert says in raised.value.detail


SONY, PN533, ACR1252 = (0x054C, 0x06C3, 1, 7), (0x04CC, 0x2533, 1, 8), (0x072F, 0x223B, 1, 9)


@pytest.mark.parametrize(
    ("present", "refusal", "code", "says"),
    [
        ([], None, "HW-USB-01", "no reader found at usb"),
        ([(0x1D6B, 0x0002, 1, 1)], None, "HW-USB-01", "no reader found at usb"),
        ([ACR1252], None, "HW-DRV-01", "ACR1252U speaks PC/SC"),
        ([SONY], errno.EACCES, "HW-DRV-01", 'ATTRS{idVendor}=="054c"'),
        ([ACR1252, PN533], errno.EBUSY, "HW-DRV-01", "pcscd"),
        ([SONY], errno.ENODEV, "HW-USB-01", "plug it in anew"),
    ],
)
def test_what_is_on_the_bus_says_why_none_was_opened(
    monkeypatch: pytest.MonkeyPatch,
    present: list[tuple[int, int, int, int]],
    refusal: int | None,
    code: str,
    says: str,
) -> None:
    def open_named_only(self: Frontend, path: str) -> bool:
        if path != "usb" and refusal is not None:
            raise OSError(refusal, os.strerror(refusal))
        return False

    monkeypatch.setattr(nfc.clf.transport.USB, "find", lambda path: present)
    monkeypatch.setattr(Frontend, "open", open_named_only)

    with pytest.raises(ReaderError) as raised:
        connect_device("usb")

    assert raised.value.code == code
    assert says in raised.value.detail


def outcome(table: Table) -> Tap | ReaderError | None:
    """Wait for a tap and give what came, be it an error."""
    try:
        return table.wait(polls=12)
    except ReaderError as error:
        return error
