"""The diagnosis: each part of this terminal looked at in a fixed order, to the first cause, in two seconds.

Knows the order; how a cause is observed stands in examination.py and ladder.py, its sentences in faults.py.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from terminals import __version__, examination, ladder
from terminals.amounts import Language
from terminals.connection import Connection, Timeouts
from terminals.errors import TerminalError
from terminals.examination import WHOLE_S, Finding, Look, Patient, say
from terminals.faults import cause_of
from terminals.heartbeat import is_older
from terminals.messages import Texts
from terminals.network import THIS_MACHINE, Machine
from terminals.state import StateFolder
from terminals.texts import text

__all__ = ["STEPS", "Finding", "Patient", "diagnose", "examine", "find_cause", "first_fault"]

# What the site is asked while the rungs are looked at. It answers by the end of the examination, or never.
TIMEOUTS = Timeouts(name_s=0.5, connect_s=0.8, answer_s=WHOLE_S)
SLOW_REMEMBERED = timedelta(minutes=10)
NOT_THE_CAUSE = Texts(en="not the cause", zh="不是原因")
MARKS = {"ok": "✔", "fault": "✘", "warning": "!", "skipped": "-"}


def look_at_answer(patient: Patient) -> Look:
    """See what the site thinks of this terminal: key, lock, version."""
    refusal = ladder.refusal_of(patient)
    if refusal is not None:
        return "fault", refusal.code, say(refusal.detail, refusal.detail)
    if patient.probe is None or patient.probe.reply is None:
        return "skipped", None, say("the site did not answer", "网站没有应答")
    wanted = str(patient.probe.policy().get("minimum_agent_version", "0"))
    if is_older(__version__, wanted):
        detail = say(f"{__version__}, the site wants {wanted}", f"{__version__}，网站要求 {wanted}")
        return "warning", "SW-VER-01", detail
    return "ok", None, say(__version__, __version__)


STEPS: tuple[tuple[str, Callable[[Patient], Look]], ...] = (
    ("power", lambda patient: examination.look_at_power(patient.machine)),
    ("reader", examination.look_at_reader),
    ("scanner", examination.look_at_scanner),
    ("enrolment", examination.look_at_enrolment),
    ("files", examination.look_at_files),
    ("journal", examination.look_at_journal),
    ("link", ladder.look_at_link),
    ("gateway", ladder.look_at_gateway),
    ("name", ladder.look_at_name),
    ("server", ladder.look_at_server),
    ("certificate", ladder.look_at_certificate),
    ("reply", ladder.look_at_reply),
    ("clock", ladder.look_at_clock),
    ("answer", look_at_answer),
    ("queue", examination.look_at_queue),
)
# The branch of the tree that a failure can come from: what lies beside it cannot be its cause.
_BRANCHES = {"HW": ("power", "scanner"), "NFC": ("power", "reader"), "NET": ("link", "answer")}


def examine(folder: StateFolder, *, reader: str | None = None, machine: Machine = THIS_MACHINE) -> Patient:
    """Prepare the examination of a terminal, enrolled or not; from here on the site is being asked."""
    patient = Patient(folder=folder, reader=reader, machine=machine)
    try:
        enrolment = folder.enrolment()
        patient.enrolment = enrolment
        notes = folder.site_notes()
        patient.connection = Connection(
            enrolment.site,
            terminal_id=enrolment.terminal_id,
            key=folder.private_key(),
            timeouts=TIMEOUTS,
            last_address=notes.address,
        )
    except TerminalError:
        # look_at_enrolment tells it in its turn.
        return patient
    is_fresh = notes.seen_at is not None and datetime.now(UTC) - notes.seen_at < SLOW_REMEMBERED
    patient.was_slow = notes.is_slow and is_fresh
    patient.probe = ladder.Probe(patient.connection)
    return patient


def diagnose(
    patient: Patient, *, begin: str = "power", end: str = "queue", is_whole: bool = False
) -> list[Finding]:
    """Look at the steps from `begin` to `end`, up to the first fault; what is left out is told as skipped.

    `is_whole` looks at what lies after a fault as well. Under two seconds in any case.
    """
    findings: list[Finding] = []
    cause: str | None = None
    names = [step for step, _ in STEPS]
    for place, (step, look) in enumerate(STEPS):
        is_beside = not names.index(begin) <= place <= names.index(end)
        if is_beside or (cause is not None and not is_whole):
            why = say(f"{cause} comes first", f"先处理 {cause}") if cause else NOT_THE_CAUSE
            findings.append(Finding(step=step, status="skipped", detail=why))
            continue
        started = time.monotonic()
        status, code, detail = _looked(look, patient)
        took_ms = round((time.monotonic() - started) * 1000)
        findings.append(Finding(step=step, status=status, code=code, detail=detail, duration_ms=took_ms))
        if status == "fault":
            cause = cause or code
    if patient.connection is not None and patient.probe is not None and patient.probe.is_done.is_set():
        patient.connection.close()
    return findings


def find_cause(
    folder: StateFolder, code: str, *, reader: str | None = None, machine: Machine = THIS_MACHINE
) -> Finding | None:
    """Run the tree after a failure and name the fault there; None where nothing is found any more."""
    branch = _BRANCHES.get(code.partition("-")[0])
    if branch is None:
        return None
    begin, end = branch
    return first_fault(diagnose(examine(folder, reader=reader, machine=machine), begin=begin, end=end))


def first_fault(findings: list[Finding]) -> Finding | None:
    """Give the finding to act on: the first fault, else the first warning."""
    for status in ("fault", "warning"):
        for finding in findings:
            if finding.status == status:
                return finding
    return None


def detail_in(detail: Texts | None, language: Language) -> str:
    """Give a detail in a language; nothing where there is none."""
    return "" if detail is None else str(getattr(detail, language))


def finding_lines(findings: list[Finding], language: Language) -> list[str]:
    """Write a diagnosis as a table: a line for each step, then what to do."""
    lines = [
        f"{MARKS[finding.status]} {text(f'step_{finding.step}', language):<12}{finding.duration_ms:>5} ms  "
        f"{' '.join(filter(None, (finding.code, detail_in(finding.detail, language))))}".rstrip()
        for finding in findings
    ]
    worst = first_fault(findings)
    if worst is None or worst.code is None:
        return [*lines, "", text("all_well", language)]
    cause = cause_of(worst.code)
    return [*lines, "", f"{cause.code}: {getattr(cause.text, language)}", getattr(cause.action, language)]


def as_json(findings: list[Finding]) -> dict[str, Any]:
    """Give a diagnosis as one object: `ok`, `cause` with its sentences, `steps`, `duration_ms`."""
    worst = first_fault(findings)
    return {
        "ok": worst is None or worst.status == "warning",
        "cause": msgspec.to_builtins(cause_of(worst.code)) if worst and worst.code else None,
        "steps": msgspec.to_builtins(findings),
        "duration_ms": sum(finding.duration_ms for finding in findings),
    }


def _looked(look: Callable[[Patient], Look], patient: Patient) -> Look:
    try:
        return look(patient)
    except TerminalError as error:
        return "fault", error.code, say(error.detail, error.detail_zh or error.detail)
