"""What each command of upkeep does: the diagnosis, the test sheet, the recovery of a failed terminal.

Knows how a person is led and answered; must not know argparse's set-up or the full screen.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from terminals import messages, recovery
from terminals.amounts import Language
from terminals.doctor import as_json, detail_in, diagnose, examine, finding_lines, first_fault
from terminals.errors import Refused, TerminalError
from terminals.examination import Finding
from terminals.faults import cause_of
from terminals.journal import Journal
from terminals.lock import AgentLock
from terminals.messages import Texts
from terminals.presenting import wait_for_tap
from terminals.results import Exit, no_card
from terminals.scan_test import ScanResult, guide, save_result
from terminals.scanners import Scanner, next_code, open_scanner
from terminals.scanners.typed import TypedScanner
from terminals.state import StateFolder
from terminals.terminal import Terminal
from terminals.texts import text

SCAN_S = 20.0
TAP_ASKED = Texts(en="Lay the test card on the reader.", zh="请将测试卡放在读卡器上。")


def doctor(options: argparse.Namespace) -> int:
    """Look what is wrong; with --scan or --tap a person is asked to present the test code or card."""
    folder = StateFolder(options.state)
    if options.scan:
        return _test_scanner(folder, options)
    if options.tap is not None:
        return _test_card(folder, options)
    findings = diagnose(examine(folder, reader=options.reader), is_whole=options.all)
    if options.json:
        print(json.dumps(as_json(findings), ensure_ascii=False))
    else:
        print("\n".join(finding_lines(findings, options.lang)))
    worst = first_fault(findings)
    _record(folder, [finding for finding in findings if finding.code])
    return Exit.APPROVED if worst is None or worst.status == "warning" else _exit_of(worst.code or "")


def test_sheet(options: argparse.Namespace) -> int:
    """Make the printable sheet of the test code."""
    # Its encoder is slow to load, and nothing else wants it.
    from terminals.test_sheet import sheet_html

    html = sheet_html()
    if options.output is None:
        print(html)
    else:
        options.output.write_text(html, encoding="utf-8")
        print(json.dumps({"file": str(options.output)}) if options.json else options.output)
    return Exit.APPROVED


def recover(options: argparse.Namespace) -> int:
    """Send what a failed terminal still had; safe to repeat."""
    folder = StateFolder(options.state)
    folder.enrolment()
    with AgentLock(folder, "interactive"), Terminal(folder) as till:
        done = recovery.recover(till, options.journal)
    if options.json:
        print(recovery.as_json(done))
    else:
        told = text("recovered", options.lang).format(told=len(done.resolved), left=len(done.left))
        print(f"{done.terminal_id}: {told}")
        for line in recovery.lines(done, options.lang):
            print(line)
    if done.error is not None:
        cause = cause_of(done.error.code)
        print(f"{cause.code}: {getattr(cause.text, options.lang)} ({done.error.detail})", file=sys.stderr)
        return Exit.NOT_READY if isinstance(done.error, Refused) else Exit.UNKNOWN
    return Exit.APPROVED


def _test_scanner(folder: StateFolder, options: argparse.Namespace) -> int:
    language: Language = options.lang

    def tell(said: Texts) -> None:
        print(getattr(said, language), file=sys.stderr, flush=True)

    codes: list[str] = []
    folder.make()
    with _scanner(folder, options.scanner) as scanner:
        result = guide(
            lambda: next_code(scanner, SCAN_S), tell, codes.append, customer_fails=options.customer
        )
    save_result(folder, result)
    _record(
        folder, [Finding(step="scanner", status="fault", code=code, detail=result.detail) for code in codes]
    )
    _tell_result(options, result)
    return Exit.APPROVED if result.code is None else Exit.READER_FAULT


def _tell_result(options: argparse.Namespace, result: ScanResult) -> None:
    if options.json:
        cause = cause_of(result.code) if result.code else None
        shown = {
            "ok": result.code is None,
            "code": result.code,
            "detail": {"en": result.detail.en, "zh": result.detail.zh},
            "action": {"en": cause.action.en, "zh": cause.action.zh} if cause else None,
        }
        print(json.dumps(shown, ensure_ascii=False))
        return
    print(" ".join(filter(None, (result.code, detail_in(result.detail, options.lang)))))
    if result.code is not None:
        cause = cause_of(result.code)
        print(getattr(cause.text, options.lang), getattr(cause.action, options.lang), sep="\n")


def _test_card(folder: StateFolder, options: argparse.Namespace) -> int:
    """Wait for a card on the reader and say what it is; nothing is sent."""

    def tell(said: Texts) -> None:
        print(getattr(said, options.lang), file=sys.stderr, flush=True)

    with AgentLock(folder, "interactive"):
        tap = wait_for_tap(
            options.reader or folder.enrolment().reader,
            wait_s=options.tap,
            use=lambda reader, tap: tap,
            tell=lambda code, detail: tell(cause_of(code).text),
            ready=lambda: tell(TAP_ASKED),
        )
    if tap is None:
        message = no_card().message
        shown = {"ok": False, "code": "no_card"}
        print(json.dumps(shown) if options.json else getattr(message, options.lang))
        return Exit.NO_CARD
    proves = isinstance(tap.card, messages.SunCard)
    read = {"ok": True, "technology": tap.technology, "proves_itself": proves}
    print(json.dumps(read) if options.json else f"✔ {tap.technology}")
    return Exit.APPROVED


@contextmanager
def _scanner(folder: StateFolder, named: str | None) -> Iterator[Scanner]:
    """Take the scanner that is named, else the terminal's own, else one that types into this command."""
    path = named or (folder.enrolment().scanner if folder.enrolment_file.exists() else "")
    if not path:
        yield TypedScanner(sys.stdin.fileno())
        return
    with AgentLock(folder, "interactive"):
        scanner = open_scanner(path)
        try:
            scanner.open()
            yield scanner
        finally:
            scanner.close()


def _record(folder: StateFolder, findings: list[Finding]) -> None:
    """Keep what was found for the next heartbeat; beside a running agent too, which is not disturbed."""
    try:
        journal = Journal(folder.journal_file, folder.enrolment().terminal_id)
    except TerminalError:
        # Not enrolled, or a journal that is damaged, which is what was found: there is nowhere to write it.
        return
    try:
        for finding in findings:
            detail = finding.detail.en[:500] if finding.detail else None
            journal.record_fault(messages.Fault(code=finding.code or "", at=datetime.now(UTC), detail=detail))
    except TerminalError:
        return
    finally:
        journal.close()


def _exit_of(code: str) -> Exit:
    family = code.partition("-")[0]
    found = {"HW": Exit.READER_FAULT, "NFC": Exit.READER_FAULT, "NET": Exit.NOT_SENT}
    return found.get(family, Exit.NOT_READY)
