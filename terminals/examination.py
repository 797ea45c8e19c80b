"""What is looked at on this machine: power, reader, scanner, enrolment, installed files, journal, queue.

Knows how each cause is observed; its sentences stand in faults.py. Must not change anything it looks at.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from terminals import attestation, messages
from terminals.connection import Connection
from terminals.errors import TerminalError
from terminals.journal import Journal
from terminals.lock import is_driven, read_holder
from terminals.messages import Texts
from terminals.network import THIS_MACHINE, Machine
from terminals.readers import Reader, open_reader, paths_of
from terminals.scan_test import last_result
from terminals.scanners import Scanner, open_scanner
from terminals.state import Enrolment, StateFolder

if TYPE_CHECKING:
    from terminals.ladder import Probe

Status = Literal["ok", "fault", "warning", "skipped"]
STEP_S = 0.28
# A USB reader needs longer than the other parts to wake up.
READER_S = 0.8
# With the start of the program, which takes a quarter of a second, well under two.
WHOLE_S = 1.4
BATTERY_PERCENT_MIN = 15
FREE_BYTES_MIN = 20 * 1024 * 1024
QUEUE_COUNT_MAX = 50
QUEUE_AGE_MAX = timedelta(hours=1)


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What one step found: a code where something is wrong, a detail for support, and how long it took."""

    step: str
    status: Status
    code: str | None = None
    detail: Texts | None = None
    duration_ms: int = 0


Look = tuple[Status, str | None, Texts | None]
OK: Look = ("ok", None, None)


@dataclass(kw_only=True)
class Patient:
    """The terminal under examination, with what earlier steps learned for later ones."""

    folder: StateFolder
    reader: str | None = None
    machine: Machine = THIS_MACHINE
    enrolment: Enrolment | None = None
    connection: Connection | None = None
    probe: Probe | None = None
    was_slow: bool = False
    addresses: list[str] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)

    @property
    def is_secure(self) -> bool:
        """Tell whether the site is spoken to over TLS."""
        return self.enrolment is not None and self.enrolment.site.startswith("https:")

    def waited_s(self) -> float:
        """Tell for how long the examination has been going on."""
        return time.monotonic() - self.started

    def left_s(self, at_most: float = WHOLE_S) -> float:
        """Give the time that a step may take, so that the whole stays under two seconds."""
        return max(0.05, min(at_most, WHOLE_S - self.waited_s()))


def say(en: str, zh: str) -> Texts:
    """Make a detail in both languages."""
    return Texts(en=en, zh=zh)


def look_at_power(machine: Machine) -> Look:
    """Look for a low battery without a charger, and for a supply that sags (Raspberry Pi)."""
    for supply in _folders(machine.sys / "class/power_supply"):
        kind, status = _text(supply / "type"), _text(supply / "status")
        percent = _text(supply / "capacity")
        if kind == "Battery" and status == "Discharging" and percent.isdigit():
            detail = say(f"battery at {percent} %", f"电池 {percent}%")
            is_low = int(percent) < BATTERY_PERCENT_MIN
            return ("warning", "HW-PWR-01", detail) if is_low else ("ok", None, detail)
    for sensor in _folders(machine.sys / "class/hwmon"):
        if _text(sensor / "name") == "rpi_volt" and _text(sensor / "in0_lcrit_alarm") == "1":
            return "warning", "HW-PWR-01", say("the supply's voltage is too low", "供电电压过低")
    return OK


def look_at_reader(patient: Patient) -> Look:
    """Open the reader, or hear of it from the agent that holds it."""
    path = patient.reader or (patient.enrolment.reader if patient.enrolment else None)
    if path is None:
        return "skipped", None, say("no reader is set", "尚未设置读卡器")
    if is_driven(patient.folder):
        notes, holder = patient.folder.reader_notes(), read_holder(patient.folder)
        pid = holder.pid if holder else "?"
        if notes is not None and notes.code:
            by = say(f"{notes.detail} (used by agent {pid})", f"{notes.detail}（进程 {pid} 占用）")
            return "fault", notes.code, by
        return "ok", None, say(f"used by agent {pid}", f"由终端程序 {pid} 使用")
    # What the driver's library takes to load says nothing of the reader.
    devices = [open_reader(one) for one in paths_of(path)]
    opened = within_all(patient.left_s(READER_S), [partial(_open, device) for device in devices])
    for one, name in zip(paths_of(path), opened, strict=True):
        if name is None:
            return "fault", "HW-USB-01", say(f"{one} does not answer in time", f"{one} 未及时应答")
    names = ", ".join(filter(None, opened))
    return "ok", None, say(names, names)


def look_at_scanner(patient: Patient) -> Look:
    """Open the scanner, or hear of it from the agent that holds it; then tell what its last test came to.

    Only a person can hold a code before it.
    """
    path = patient.enrolment.scanner if patient.enrolment else ""
    if path and is_driven(patient.folder):
        notes = patient.folder.scanner_notes()
        if notes is not None and notes.code:
            return "fault", notes.code, say(notes.detail, notes.detail)
    elif path and not _answers(open_scanner(path), patient.left_s(STEP_S)):
        return "fault", "HW-USB-01", say(f"{path} does not answer in time", f"{path} 未及时应答")
    result = last_result(patient.folder)
    if result is None:
        return "skipped", None, say("test it with doctor --scan", "请用 doctor --scan 测试")
    at = f"{result.at:%Y-%m-%d %H:%M} UTC"
    if not result.scanner_code:
        return "ok", None, say(f"the test code read, {at}", f"测试码可读，{at}")
    status: Status = "fault" if result.code == "HW-SCN-03" else "warning"
    return status, result.code, say(f"{result.detail.en}, {at}", f"{result.detail.zh}，{at}")


def look_at_enrolment(patient: Patient) -> Look:
    """Read the enrolment and the private key."""
    patient.folder.private_key()
    enrolment = patient.enrolment or patient.folder.enrolment()
    named = f"{enrolment.name}, {enrolment.store_name}"
    return "ok", None, say(named, named)


def look_at_files(patient: Patient) -> Look:
    """Compare this agent with the one that the site last let work, and hear whether it is locked."""
    if patient.folder.site_notes().locked:
        return "fault", "SW-TAMP-01", say("locked by the site", "已被网站锁定")
    enrolment = patient.enrolment or patient.folder.enrolment()
    accepted, now = attestation.read_accepted(patient.folder), attestation.hash_of(enrolment)
    short = now[:12]
    if accepted is None:
        return "ok", None, say(f"{short}, not told yet", f"{short}，尚未上报")
    if accepted.files_hash == now:
        return "ok", None, say(short, short)
    files_changed = accepted.files_hash.partition(".")[0] != now.partition(".")[0]
    what, what_zh = ("files", "文件") if files_changed else ("settings", "设置")
    return (
        "fault",
        "SW-TAMP-01",
        say(
            f"the {what} are not those that the site saw on {accepted.at:%Y-%m-%d}",
            f"{what_zh}与网站于 {accepted.at:%Y-%m-%d} 所见不一致",
        ),
    )


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
    free = disk.f_bavail * disk.f_frsize // 1_048_576
    if free * 1_048_576 < FREE_BYTES_MIN:
        return "fault", "SW-JRN-01", say(f"only {free} MiB free on the disk", f"磁盘仅剩 {free} MiB")
    return OK


def look_at_queue(patient: Patient) -> Look:
    """See how many transactions have no known outcome, and for how long."""
    waiting = queue_of(patient)
    if waiting.oldest_at is None:
        return "ok", None, say("empty", "无")
    age = datetime.now(UTC) - waiting.oldest_at
    minutes = int(age.total_seconds()) // 60
    detail = say(
        f"{waiting.count} without a known outcome, the oldest for {minutes} min",
        f"{waiting.count} 笔未决，最久 {minutes} 分钟",
    )
    over = waiting.count > QUEUE_COUNT_MAX or age > QUEUE_AGE_MAX
    return ("fault" if over else "warning"), "SW-QUE-01", detail


def queue_of(patient: Patient) -> messages.QueueState:
    """Count what waits in the journal; nothing where there is none."""
    if patient.enrolment is None or not patient.folder.journal_file.exists():
        return messages.QueueState(count=0, amount=0)
    journal = Journal(patient.folder.journal_file, patient.enrolment.terminal_id)
    try:
        return journal.queue()
    finally:
        journal.close()


def within(limit_s: float, do: Callable[[], str]) -> str | None:
    """Do something on a thread of its own and give what it gave; None when the time was over first."""
    [came] = within_all(limit_s, [do])
    return came


def within_all(limit_s: float, works: Sequence[Callable[[], str]]) -> list[str | None]:
    """Do things at once and give what each gave, None for those still at it. Raises the first error."""
    until = time.monotonic() + limit_s
    return [_ended(waiting, until) for waiting in [_begun(do) for do in works]]


def _begun(do: Callable[[], str]) -> queue.SimpleQueue[str | TerminalError]:
    ended: queue.SimpleQueue[str | TerminalError] = queue.SimpleQueue()

    def work() -> None:
        try:
            ended.put(do())
        except TerminalError as error:
            ended.put(error)

    threading.Thread(target=work, name="examined", daemon=True).start()
    return ended


def _ended(waiting: queue.SimpleQueue[str | TerminalError], until: float) -> str | None:
    try:
        came = waiting.get(timeout=max(0.0, until - time.monotonic()))
    except queue.Empty:
        return None
    if isinstance(came, TerminalError):
        raise came
    return came


def _answers(device: Scanner, limit_s: float) -> bool:
    return within(limit_s, lambda: _open(device)) is not None


def _open(device: Reader | Scanner) -> str:
    try:
        device.open()
        return device.name
    finally:
        device.close()


def _folders(path: Path) -> list[Path]:
    return sorted(path.iterdir()) if path.is_dir() else []


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
