"""The diagnosis: what can be wrong with this terminal, looked at in a fixed order, each step in a moment.

Knows how each cause is observed; its sentences stand in faults.py. Must not change anything it looks at.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import msgspec

from terminals import __version__, messages, network
from terminals.connection import CLOCK_OFF_S_MAX, Connection, Timeouts
from terminals.errors import ConnectionFault, Refused, TerminalError
from terminals.heartbeat import is_older
from terminals.journal import Journal
from terminals.lock import is_driven, read_holder
from terminals.network import THIS_MACHINE, Machine
from terminals.readers import open_reader
from terminals.site import Site
from terminals.state import Enrolment, StateFolder

Status = Literal["ok", "fault", "warning", "skipped"]
BATTERY_PERCENT_MIN = 15
FREE_BYTES_MIN = 20 * 1024 * 1024
QUEUE_COUNT_MAX = 50
QUEUE_AGE_MAX = timedelta(hours=1)
TIMEOUTS = Timeouts(name_s=0.5, connect_s=0.6, answer_s=0.8)


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What one step found: a code where something is wrong, a detail for support, and how long it took."""

    step: str
    status: Status
    code: str | None = None
    detail: str = ""
    duration_ms: int = 0


@dataclass(kw_only=True)
class Patient:
    """The terminal under examination, with what earlier steps learned for later ones."""

    folder: StateFolder
    reader: str | None = None
    machine: Machine = THIS_MACHINE
    enrolment: Enrolment | None = None
    connection: Connection | None = None
    site_answer: messages.HeartbeatAnswer | None = None
    site_error: TerminalError | None = None
    has_address: bool = True


def diagnose(patient: Patient) -> list[Finding]:
    """Look at every step in order; the first fault in this order is the cause to act on."""
    findings: list[Finding] = []
    for step, look in STEPS:
        started = time.monotonic()
        try:
            status, code, detail = look(patient)
        except TerminalError as error:
            status, code, detail = "fault", error.code, error.detail
        took_ms = round((time.monotonic() - started) * 1000)
        findings.append(Finding(step=step, status=status, code=code, detail=detail, duration_ms=took_ms))
    if patient.connection is not None:
        patient.connection.close()
    if patient.site_answer is not None or isinstance(patient.site_error, Refused):
        # Some gateways keep silent on purpose: where the site answered over it, a gateway is well.
        return [
            msgspec.structs.replace(found, status="ok", code=None) if found.code == "NET-GW-01" else found
            for found in findings
        ]
    return findings


def first_fault(findings: list[Finding]) -> Finding | None:
    """Give the finding to act on: the first fault, else the first warning."""
    for status in ("fault", "warning"):
        for finding in findings:
            if finding.status == status:
                return finding
    return None


Look = tuple[Status, str | None, str]
OK: Look = ("ok", None, "")


def look_at_power(patient: Patient) -> Look:
    """Look for a low battery without a charger, and for a supply that sags (Raspberry Pi)."""
    for supply in _folders(patient.machine.sys / "class/power_supply"):
        kind, status = _text(supply / "type"), _text(supply / "status")
        percent = _text(supply / "capacity")
        if kind == "Battery" and status == "Discharging" and percent.isdigit():
            if int(percent) < BATTERY_PERCENT_MIN:
                return "warning", "HW-PWR-01", f"battery at {percent} %"
            return "ok", None, f"battery at {percent} %"
    for sensor in _folders(patient.machine.sys / "class/hwmon"):
        if _text(sensor / "name") == "rpi_volt" and _text(sensor / "in0_lcrit_alarm") == "1":
            return "warning", "HW-PWR-01", "the supply's voltage is too low"
    return OK


def look_at_reader(patient: Patient) -> Look:
    """Open the reader, or hear of it from the agent that holds it."""
    path = patient.reader or (patient.enrolment.reader if patient.enrolment else None)
    if path is None:
        return "skipped", None, "no reader is set"
    if is_driven(patient.folder):
        notes = patient.folder.reader_notes()
        holder = read_holder(patient.folder)
        user = f"used by agent {holder.pid}" if holder else "used by another agent"
        if notes is not None and notes.code:
            return "fault", notes.code, f"{notes.detail} ({user})"
        return "ok", None, user
    reader = open_reader(path)
    try:
        reader.open()
    finally:
        reader.close()
    return "ok", None, reader.name


def look_at_enrolment(patient: Patient) -> Look:
    """Read the enrolment and the private key."""
    patient.folder.private_key()
    enrolment = patient.enrolment or patient.folder.enrolment()
    return "ok", None, f"{enrolment.name}, {enrolment.store_name}"


def look_at_journal(patient: Patient) -> Look:
    """Read every page of the journal, and see that there is room for more."""
    enrolment = patient.folder.enrolment()
    if patient.folder.journal_file.exists():
        journal = Journal(patient.folder.journal_file, enrolment.terminal_id)
        try:
            journal.check()
        finally:
            journal.close()
    disk = os.statvfs(patient.folder.path)
    free = disk.f_bavail * disk.f_frsize
    if free < FREE_BYTES_MIN:
        return "fault", "SW-JRN-01", f"only {free // 1_048_576} MiB free on the disk"
    return OK


def look_at_link(patient: Patient) -> Look:
    """See that an interface is up and has an address."""
    if patient.connection is None or network.is_own_host(patient.connection.host):
        return "skipped", None, "the site is on this machine" if patient.connection else "no site is set"
    linked = network.has_link(patient.machine)
    if linked is None:
        return "skipped", None, "this system does not tell"
    return OK if linked else ("fault", "NET-LINK-01", "no interface is up with an address")


def look_at_gateway(patient: Patient) -> Look:
    """See that the gateway on the way to the site is alive."""
    if patient.connection is None or network.is_own_host(patient.connection.host):
        return "skipped", None, ""
    gateway = network.gateway_to(patient.connection.last_address or patient.connection.host, patient.machine)
    if gateway is None:
        return "skipped", None, "no gateway is on the way"
    if network.gateway_answers(gateway, patient.machine):
        return "ok", None, gateway
    return "fault", "NET-GW-01", f"{gateway} is silent"


def look_at_name(patient: Patient) -> Look:
    """Find the site's address."""
    if patient.connection is None:
        return "skipped", None, ""
    try:
        found = network.resolve(patient.connection.host, patient.connection.port, TIMEOUTS.name_s)
    except OSError as error:
        patient.has_address = False
        return "fault", "NET-DNS-01", str(error)
    return "ok", None, found[0]


def look_at_server(patient: Patient) -> Look:
    """Tell the site a heartbeat, signed: this shows the server, TLS, the clock and the key at once."""
    if patient.connection is None or not patient.has_address:
        return "skipped", None, "no address is known"
    heartbeat = messages.Heartbeat(
        agent_version=__version__, clock=datetime.now(UTC), queue=_queue(patient), components=[], faults=[]
    )
    try:
        patient.site_answer = Site(patient.connection).tell_health(heartbeat)
    except Refused as refusal:
        patient.site_error = refusal
        return "ok", None, "it answers"
    except ConnectionFault as fault:
        patient.site_error = fault
        return "fault", fault.code, fault.detail
    return "ok", None, "it answers"


def look_at_clock(patient: Patient) -> Look:
    """Compare this clock with the site's."""
    off_s = patient.connection.clock_off_s if patient.connection else None
    if off_s is None:
        return "skipped", None, "the site did not say the time"
    if abs(off_s) > CLOCK_OFF_S_MAX:
        return "fault", "SW-CLK-01", f"{off_s:+.0f} s against the site"
    return "ok", None, f"{off_s:+.0f} s against the site"


def look_at_answer(patient: Patient) -> Look:
    """See what the site thinks of this terminal: key, lock, version."""
    if isinstance(patient.site_error, Refused):
        return "fault", patient.site_error.code, patient.site_error.detail
    answer = patient.site_answer
    if answer is None:
        return "skipped", None, "the site did not answer"
    if answer.locked:
        return "fault", "SW-TAMP-01", "locked by the site"
    if is_older(__version__, answer.minimum_agent_version):
        return "warning", "SW-VER-01", f"{__version__}, the site wants {answer.minimum_agent_version}"
    return OK


def look_at_queue(patient: Patient) -> Look:
    """See how many transactions have no known outcome, and for how long."""
    queue = _queue(patient)
    if queue.oldest_at is None:
        return "ok", None, "empty"
    age = datetime.now(UTC) - queue.oldest_at
    detail = f"{queue.count} without a known outcome, the oldest for {int(age.total_seconds())} s"
    over = queue.count > QUEUE_COUNT_MAX or age > QUEUE_AGE_MAX
    return ("fault" if over else "warning"), "SW-QUE-01", detail


STEPS: tuple[tuple[str, Callable[[Patient], Look]], ...] = (
    ("power", look_at_power),
    ("reader", look_at_reader),
    ("enrolment", look_at_enrolment),
    ("journal", look_at_journal),
    ("link", look_at_link),
    ("gateway", look_at_gateway),
    ("name", look_at_name),
    ("server", look_at_server),
    ("clock", look_at_clock),
    ("answer", look_at_answer),
    ("queue", look_at_queue),
)


def examine(folder: StateFolder, *, reader: str | None = None, machine: Machine = THIS_MACHINE) -> Patient:
    """Prepare the examination of the terminal in a state folder, enrolled or not."""
    patient = Patient(folder=folder, reader=reader, machine=machine)
    try:
        enrolment = folder.enrolment()
        patient.enrolment = enrolment
        patient.connection = Connection(
            enrolment.site,
            terminal_id=enrolment.terminal_id,
            key=folder.private_key(),
            timeouts=TIMEOUTS,
            last_address=folder.site_notes().address,
        )
    except TerminalError:
        # look_at_enrolment tells it in its turn.
        return patient
    return patient


def _queue(patient: Patient) -> messages.QueueState:
    if patient.enrolment is None or not patient.folder.journal_file.exists():
        return messages.QueueState(count=0, amount=0)
    try:
        journal = Journal(patient.folder.journal_file, patient.enrolment.terminal_id)
    except TerminalError:
        return messages.QueueState(count=0, amount=0)
    try:
        return journal.queue()
    finally:
        journal.close()


def _folders(path: Path) -> list[Path]:
    return sorted(path.iterdir()) if path.is_dir() else []


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
