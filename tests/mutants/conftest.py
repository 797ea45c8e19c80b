"""The table of mutants at the end of a run of theirs."""

from __future__ import annotations

import pytest

Row = tuple[str, str, str, float]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print each mutant, what killed it and how, and the seconds that took."""
    reports = [report for key in ("passed", "failed") for report in terminalreporter.getreports(key)]
    found = sorted(row for report in reports if report.when == "call" for row in rows_of(report))
    if found:
        terminalreporter.section("mutants")
    for name, killed_by, how, seconds in found:
        terminalreporter.write_line(f"{name:<56} {killed_by:<40} {how:<20} {seconds:>6.1f} s")


def rows_of(report: pytest.TestReport) -> list[Row]:
    """Give what a test recorded of its mutant."""
    rows = [row for key, row in report.user_properties if key == "mutant" and isinstance(row, (tuple, list))]
    return [(str(name), str(by), str(how), float(took)) for name, by, how, took in rows]
