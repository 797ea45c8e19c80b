from __future__ import annotations

from datetime import UTC, datetime

import pytest

from terminals import __version__, messages
from terminals.errors import NothingSent
from terminals.heartbeat import is_older
from terminals.scan_test import ScanResult, save_result
from terminals.state import StateFolder
from terminals.terminal import Terminal
from tests.terminals.recording_site import RecordingSite

CARD = messages.QrCard(code="12345678901234567890")


def test_a_heartbeat_tells_parts_queue_and_each_fault_once(terminal: Terminal, site: RecordingSite) -> None:
    terminal.record_fault("HW-USB-01", "ENODEV", "tap")
    terminal.tell_health("HW-USB-01")
    terminal.tell_health("")
    first, second = site.heartbeats
    parts = {part["name"]: (part["status"], part["code"]) for part in first["components"]}
    assert parts == {
        "application": ("AVAILABLE", None),
        "card_reader": ("NEEDS_ATTENTION", "HW-USB-01"),
        "clock": ("AVAILABLE", None),
        "network": ("AVAILABLE", None),
        "power": ("AVAILABLE", None),
        "queue": ("AVAILABLE", None),
    }
    assert first["agent_version"] == __version__
    assert [(fault["code"], fault["entry"]) for fault in first["faults"]] == [("HW-USB-01", "tap")]
    assert second["faults"] == []


def test_scanner_that_is_used_is_a_part_and_its_fault_comes_before_its_last_test(
    terminal: Terminal, site: RecordingSite
) -> None:
    def told(scanner_code: str | None) -> str | None:
        terminal.tell_health("", scanner_code)
        parts: dict[str, str | None] = {
            part["name"]: part["code"] for part in site.heartbeats[-1]["components"]
        }
        return parts.get("scanner", "no such part")

    assert [told(None), told(""), told("HW-USB-01")] == ["no such part", None, "HW-USB-01"]

    detail = messages.Texts(en="cut", zh="截断")
    save_result(terminal.folder, ScanResult(code="HW-SCN-04", detail=detail, at=datetime.now(UTC)))

    assert [told(None), told(""), told("HW-USB-01")] == ["HW-SCN-04", "HW-SCN-04", "HW-USB-01"]


def test_faults_that_could_not_be_told_are_told_the_next_time(
    terminal: Terminal, site: RecordingSite
) -> None:
    terminal.record_fault("NFC-RF-01")
    usual, terminal.connection.port = terminal.connection.port, 1
    with pytest.raises(NothingSent):
        terminal.tell_health(None)
    terminal.connection.port = usual
    terminal.tell_health(None)
    assert [fault["code"] for fault in site.heartbeats[0]["faults"]] == ["NFC-RF-01"]


def test_the_queue_in_a_heartbeat_is_what_has_no_outcome(terminal: Terminal, site: RecordingSite) -> None:
    site.fates.extend(["lost"] * 3)
    terminal.transactions.redeem(CARD, 1250)
    terminal.tell_health("")
    queue = site.heartbeats[0]["queue"]
    assert (queue["count"], queue["amount"]) == (1, 1250)
    assert queue["oldest_at"] is not None


def test_what_the_site_wants_is_kept_for_the_next_start(terminal: Terminal, site: RecordingSite) -> None:
    site.locked, site.minimum_version = True, "9.1"
    terminal.tell_health("")
    notes = StateFolder(terminal.folder.path).site_notes()
    assert (notes.locked, notes.minimum_agent_version, notes.address) == (True, "9.1", "127.0.0.1")


@pytest.mark.parametrize(
    ("version", "minimum", "older"),
    [("0.1.0", "0.1.0", False), ("0.9.0", "0.10.0", True), ("1.0", "0.99.9", False)],
)
def test_versions_are_compared_number_by_number(version: str, minimum: str, older: bool) -> None:
    assert is_older(version, minimum) is older


def test_the_last_good_address_is_used_when_the_name_does_not_resolve(
    terminal: Terminal, site: RecordingSite
) -> None:
    # RFC 6761: `.invalid` never resolves.
    terminal.connection.host, terminal.connection.last_address = "cards.invalid", "127.0.0.1"
    terminal.tell_health("")
    assert len(site.heartbeats) == 1
