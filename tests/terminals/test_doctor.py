"""Each cause is brought about, and the diagnosis must name it first."""

from __future__ import annotations

import socket
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import msgspec
import pytest

from terminals import attestation, examination, messages
from terminals.doctor import STEPS, Finding, diagnose, examine, find_cause, finding_lines, first_fault
from terminals.faults import CAUSES, cause_of
from terminals.identifiers import uuid7
from terminals.journal import Journal
from terminals.lock import AgentLock
from terminals.network import Machine, gateway_to, has_link
from terminals.readers import Tap, open_reader
from terminals.state import DeviceNotes, StateFolder
from tests.terminals.broken_parts import scanner, tls_server
from tests.terminals.recording_site import RecordingSite

ROUTES = """Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\tFFFFFFFF\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
"""


class WorkingReader:
    """A reader that opens."""

    name = "simulated"

    def open(self) -> None:
        pass

    def close(self) -> None:
        pass

    def wait_for_tap(self, *, stop: threading.Event) -> Tap | None:
        stop.wait()
        return None


@pytest.fixture(autouse=True)
def _reader_works(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the enrolled reader open; any other path goes to the real one."""
    monkeypatch.setattr(
        examination,
        "open_reader",
        lambda path: WorkingReader() if path.startswith("udp:") else open_reader(path),
    )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine on 192.0.2.0/24 (TEST-NET-1) whose gateway no packet reaches, but ARP knows."""
    made = Machine(proc=tmp_path / "proc", sys=tmp_path / "sys")
    put(made.sys / "class/net/lo/operstate", "unknown")
    put(made.sys / "class/net/eth0/operstate", "up")
    put(made.proc / "net/route", ROUTES)
    put(made.proc / "net/arp", "IP address HW Flags\n255.255.255.255 0x1 0x2 00:00:5e:00:53:01 * eth0\n")
    return made


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def move_site(folder: StateFolder, address: str) -> None:
    folder.save_enrolment(msgspec.structs.replace(folder.enrolment(), site=address))


def diagnosed(
    folder: StateFolder, machine: Machine, reader: str | None = None
) -> tuple[str | None, str | None]:
    findings = diagnose(examine(folder, machine=machine, reader=reader))
    worst = first_fault(findings)
    return (worst.step, worst.code) if worst else (None, None)


def test_a_well_terminal_has_no_fault_and_every_step_is_looked_at(
    folder: StateFolder, machine: Machine, site: RecordingSite
) -> None:
    findings = diagnose(examine(folder, machine=machine))
    assert [finding.step for finding in findings] == [name for name, _ in STEPS]
    assert [finding for finding in findings if finding.status in {"fault", "warning"}] == []
    assert [call.path for call in site.calls] == ["/api/v1/terminals/policy"]


def test_the_tree_stops_at_the_first_cause_unless_all_is_asked_for(
    folder: StateFolder, machine: Machine, site: RecordingSite
) -> None:
    site.clock_off = timedelta(hours=1)
    found = diagnose(examine(folder, machine=machine, reader="nonsense:0"))
    assert [finding.code for finding in found if finding.code] == ["HW-DRV-01"]
    assert {finding.status for finding in found[2:]} == {"skipped"}
    whole = diagnose(examine(folder, machine=machine, reader="nonsense:0"), is_whole=True)
    assert [finding.code for finding in whole if finding.code] == ["HW-DRV-01", "SW-CLK-01"]


def test_after_a_failure_of_the_network_no_other_part_is_blamed(
    folder: StateFolder, machine: Machine, site: RecordingSite
) -> None:
    folder.save_enrolment(msgspec.structs.replace(folder.enrolment(), reader="nonsense:0"))
    assert find_cause(folder, "NET-SRV-01", machine=machine) is None
    site.probe_fates.append("broken")
    found = find_cause(folder, "NET-SRV-01", machine=machine)
    assert found is not None
    assert (found.step, found.code) == ("reply", "NET-SRV-01")
    assert find_cause(folder, "card_blocked", machine=machine) is None


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_diagnosis_is_written_in_the_language_asked_for(
    folder: StateFolder, machine: Machine, site: RecordingSite, language: Literal["en", "zh"]
) -> None:
    site.clock_off = timedelta(hours=1)
    text = "\n".join(finding_lines(diagnose(examine(folder, machine=machine), is_whole=True), language))
    chinese = [letter for letter in text if "\u4e00" <= letter <= "\u9fff"]
    assert bool(chinese) is (language == "zh")
    words = {
        "en": ("site says", "against the site", "Set the clock"),
        "zh": ("网站意见", "与网站相差", "请校准时间"),
    }
    assert [word for word in words[language] if word not in text] == []


def test_a_flat_battery(folder: StateFolder, machine: Machine) -> None:
    for name, text in (("type", "Battery"), ("status", "Discharging"), ("capacity", "14")):
        put(machine.sys / "class/power_supply/BAT0" / name, text)
    assert diagnosed(folder, machine) == ("power", "HW-PWR-01")
    put(machine.sys / "class/power_supply/BAT0/status", "Charging")
    assert diagnosed(folder, machine) == (None, None)


def test_a_reader_that_is_none(folder: StateFolder, machine: Machine) -> None:
    assert diagnosed(folder, machine, "nonsense:0") == ("reader", "HW-DRV-01")


def test_the_reader_of_a_running_agent_is_not_taken_from_it(folder: StateFolder, machine: Machine) -> None:
    with AgentLock(folder, "headless"):
        assert diagnosed(folder, machine, "nonsense:0") == (None, None)
        folder.save_reader_notes(DeviceNotes(name="usb", code="HW-USB-01", detail="ENODEV"))
        assert diagnosed(folder, machine) == ("reader", "HW-USB-01")


def test_a_scanner_that_is_pulled_out_is_named_and_one_that_is_held_is_asked_of_its_agent(
    folder: StateFolder, machine: Machine
) -> None:
    with scanner() as (path, _port):
        folder.save_enrolment(msgspec.structs.replace(folder.enrolment(), scanner=f"serial:{path}"))
        assert diagnosed(folder, machine) == (None, None)
    assert diagnosed(folder, machine) == ("scanner", "HW-USB-01")
    with AgentLock(folder, "headless"):
        assert diagnosed(folder, machine) == (None, None)
        folder.save_scanner_notes(DeviceNotes(name=path, code="HW-DRV-01", detail="EBUSY"))
        assert diagnosed(folder, machine) == ("scanner", "HW-DRV-01")


def test_a_terminal_that_is_not_enrolled(tmp_path: Path, machine: Machine) -> None:
    assert diagnosed(StateFolder(tmp_path / "none"), machine) == ("enrolment", "SW-ENROL-01")


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("key.pem", None, ("enrolment", "SW-ENROL-01")),
        ("key.pem", b"-----BEGIN PRIVATE KEY-----", ("enrolment", "SW-STATE-01")),
        ("terminal.json", b"{}", ("enrolment", "SW-STATE-01")),
        ("journal.sqlite", b"not a database, and long enough not to be an empty one" * 40,
         ("journal", "SW-JRN-01")),
    ],
)  # fmt: skip
def test_a_file_that_is_damaged_is_named_in_both_languages(
    folder: StateFolder, machine: Machine, name: str, content: bytes | None, found: tuple[str, str]
) -> None:
    (folder.path / name).unlink(missing_ok=True)
    if content is not None:
        (folder.path / name).write_bytes(content)

    findings = diagnose(examine(folder, machine=machine))

    fault = first_fault(findings)
    assert fault is not None
    assert (fault.step, fault.code) == found
    assert fault.detail is not None
    assert fault.detail.zh != fault.detail.en


def test_a_cable_that_is_out(folder: StateFolder, machine: Machine) -> None:
    move_site(folder, "http://192.0.2.77")
    put(machine.sys / "class/net/eth0/operstate", "down")
    assert has_link(machine) is False
    assert diagnosed(folder, machine) == ("link", "NET-LINK-01")


def test_a_cable_without_an_address(folder: StateFolder, machine: Machine) -> None:
    move_site(folder, "http://192.0.2.77")
    put(machine.proc / "net/route", ROUTES.splitlines()[0])
    assert diagnosed(folder, machine) == ("link", "NET-LINK-01")


def test_a_gateway_that_is_silent(folder: StateFolder, machine: Machine) -> None:
    move_site(folder, "http://198.51.100.7")
    put(machine.proc / "net/arp", "IP address HW Flags\n255.255.255.255 0x1 0x0 00:00:00:00:00:00 * eth0\n")
    assert gateway_to("198.51.100.7", machine) == "255.255.255.255"
    assert gateway_to("192.0.2.77", machine) is None
    assert diagnosed(folder, machine) == ("gateway", "NET-GW-01")


def test_a_name_that_does_not_resolve(folder: StateFolder, machine: Machine) -> None:
    # RFC 6761: `.invalid` never resolves.
    move_site(folder, "https://cards.invalid")
    assert diagnosed(folder, machine) == ("name", "NET-DNS-01")


def test_a_server_that_is_not_there(folder: StateFolder, machine: Machine) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        move_site(folder, f"http://127.0.0.1:{closed.getsockname()[1]}")
        assert diagnosed(folder, machine) == ("server", "NET-SRV-01")


def test_a_server_that_hangs_is_given_up_in_time(folder: StateFolder, machine: Machine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        move_site(folder, f"http://127.0.0.1:{silent.getsockname()[1]}")
        began = time.monotonic()
        findings = diagnose(examine(folder, machine=machine))
        took_s = time.monotonic() - began
    worst = first_fault(findings)
    assert worst is not None
    assert (worst.step, worst.code) == ("reply", "NET-SRV-01")
    assert took_s < 2.5


@pytest.mark.parametrize("fate", ["broken", "portal", "lost"])
def test_a_server_that_fails(folder: StateFolder, machine: Machine, site: RecordingSite, fate: str) -> None:
    site.probe_fates.append(fate)
    assert diagnosed(folder, machine) == ("reply", "NET-SRV-01")


def test_a_certificate_that_nobody_vouches_for(folder: StateFolder, machine: Machine, tmp_path: Path) -> None:
    with tls_server(tmp_path) as port:
        move_site(folder, f"https://localhost:{port}")
        assert diagnosed(folder, machine) == ("certificate", "NET-TLS-01")


@pytest.mark.parametrize("off_s", [-90, 90])
def test_a_clock_that_is_wrong(
    folder: StateFolder, machine: Machine, site: RecordingSite, off_s: int
) -> None:
    site.clock_off = timedelta(seconds=off_s)
    assert diagnosed(folder, machine) == ("clock", "SW-CLK-01")


@pytest.mark.parametrize("code", ["bad_signature", "SW-CLK-01", "terminal_retired", "SW-TAMP-01"])
def test_what_the_site_says_of_the_terminal(
    folder: StateFolder, machine: Machine, site: RecordingSite, code: str
) -> None:
    site.probe_fates.append(f"403:{code}")
    assert diagnosed(folder, machine) == ("answer", code)


def test_a_terminal_that_knows_that_it_is_locked(folder: StateFolder, machine: Machine) -> None:
    folder.save_site_notes(msgspec.structs.replace(folder.site_notes(), locked=True))
    assert diagnosed(folder, machine) == ("files", "SW-TAMP-01")


def test_files_and_settings_that_the_site_has_not_seen(folder: StateFolder, machine: Machine) -> None:
    enrolment = folder.enrolment()
    attestation.save_accepted(folder, attestation.hash_of(enrolment), datetime.now(UTC))
    assert diagnosed(folder, machine) == (None, None)
    folder.save_enrolment(msgspec.structs.replace(enrolment, store_code="OTHER"))
    assert diagnosed(folder, machine) == ("files", "SW-TAMP-01")


def test_an_agent_that_is_too_old(folder: StateFolder, machine: Machine, site: RecordingSite) -> None:
    site.minimum_version = "99.0"
    assert diagnosed(folder, machine) == ("answer", "SW-VER-01")


def test_a_queue_that_is_too_old(folder: StateFolder, machine: Machine) -> None:
    journal = Journal(folder.journal_file, folder.enrolment().terminal_id)
    card = messages.QrCard(code="12345678")
    at = datetime.now(UTC) - timedelta(hours=2)
    journal.write(
        lambda sequence: messages.Redeem(
            id=uuid7(), sequence=sequence, occurred_at=at, card=card, amount=1, currency="CNY"
        )
    )
    journal.close()
    assert diagnosed(folder, machine) == ("queue", "SW-QUE-01")


def test_the_first_fault_in_order_is_the_cause() -> None:
    findings = [
        Finding(step="power", status="warning", code="HW-PWR-01"),
        Finding(step="link", status="fault", code="NET-LINK-01"),
        Finding(step="server", status="fault", code="NET-SRV-01"),
    ]
    assert first_fault(findings) == findings[1]
    assert first_fault(findings[:1]) == findings[0]


def test_every_cause_has_its_sentences_in_both_languages() -> None:
    for code, cause in CAUSES.items():
        assert cause.code == code
        for texts in (cause.observed, cause.text, cause.action):
            assert texts.en.isascii()
            assert any("\u4e00" <= letter <= "\u9fff" for letter in texts.zh), code
    assert cause_of("never_heard_of").code == "never_heard_of"
