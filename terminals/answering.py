"""What ended work does to what the terminal shows: outcomes, balances, faults and their causes.

Knows entries, answers and errors; must not know keys, taps or how the screen looks.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from terminals import card_steps, messages
from terminals.amounts import Language
from terminals.batches import ClosedBatch
from terminals.doctor import Finding, find_cause
from terminals.errors import ConnectionFault, TerminalError, TornTap
from terminals.journal import Entry
from terminals.pin_entry import PinEntry
from terminals.presenting import takes_pin
from terminals.results import (
    named_for,
    result_of,
    result_of_error,
    result_of_inquiry,
    result_of_personalisation,
    with_cause,
)
from terminals.shown import Shown
from terminals.terminal import Terminal
from terminals.watch import Done, ReadersSeen

HISTORY = 5
PIN_CODES = {"pin_required", "pin_wrong"}


class Answering:
    """What is shown, the work that was begun for it, and what came of that."""

    def __init__(
        self, terminal: Terminal, begin: Callable[[str, Callable[[], Any]], None], language: Language
    ) -> None:
        self._terminal = terminal
        self._begin = begin
        self._card: messages.Card | None = None
        self._readers = ReadersSeen()
        # Typed for the sale that is armed, and for no other.
        self._pin: str | None = None
        self.shown = Shown(
            language=language, currency=terminal.enrolment.currency, money=terminal.enrolment.currency
        )
        self._refresh()

    def _work(self, name: str, do: Callable[[], Any]) -> None:
        self._clear_panel()
        self.shown.is_armed = False
        self.shown.working = name
        self._begin(name, do)

    def _done(self, done: Done) -> None:
        shown = self.shown
        if done.error is not None:
            self._failed(done.work, done.error)
        if done.work == "beat":
            if isinstance(done.value, messages.HeartbeatAnswer):
                shown.site_code, shown.is_locked = "", done.value.locked
            return
        if done.work == "cause":
            self._named(done.value)
            return
        shown.working = None
        if done.error is not None:
            return
        if isinstance(done.value, Entry):
            self._ended(done.value)
        elif isinstance(done.value, messages.Inquiry):
            shown.result = result_of_inquiry(done.value)
            shown.site_code = ""
        elif isinstance(done.value, card_steps.CardStep):
            shown.result = result_of_personalisation(done.value)
            shown.site_code = ""
        elif done.work == "resolve":
            self._resolved(done.value)
        elif done.work == "doctor":
            shown.findings = done.value
            self._record(done.value)
        elif isinstance(done.value, ClosedBatch):
            shown.batch = done.value
        if shown.mode in {"load", "hold"}:
            shown.mode = "redeem"

    def _ended(self, entry: Entry) -> None:
        result = result_of(entry)
        if self._card is not None and entry.type in {"redeem", "load", "hold"}:
            result = named_for(result, self._card, at=entry.occurred_at)
        self.shown.result = result
        self._terminal.note_shown(entry.id)
        if entry.type == "redeem" and result.code in PIN_CODES and self._card and takes_pin(self._card):
            # The amount stays: the same purchase is repeated with the PIN, under a new id.
            self.shown.pin = PinEntry()
        else:
            self.shown.typed = ""
        if result.stand_in:
            self.shown.site_code = entry.code
        elif result.outcome in {"unknown", "not_sent"}:
            self._find_cause(result.code or "")
            self.shown.site_code = result.code
        else:
            self.shown.site_code = ""

    def _resolved(self, entries: list[Entry]) -> None:
        """Show what came of the last sale that was resolved; the others stand in the history."""
        sales = [entry for entry in entries if entry.type in {"redeem", "load", "hold"}]
        self.shown.site_code = ""
        if sales or entries:
            self.shown.result = result_of((sales or entries)[-1])
            self._terminal.note_shown((sales or entries)[-1].id)
        else:
            self.shown.hint = "nothing_pending"

    def _failed(self, work: str, error: TerminalError) -> None:
        if error.code.startswith("NFC-"):
            self._terminal.record_fault(error.code, error.detail, "tap")
        if isinstance(error, ConnectionFault):
            if self.shown.site_code != error.code:
                self._find_cause(error.code, error.detail)
            self.shown.site_code = error.code
        if error.code == "SW-TAMP-01":
            self.shown.is_locked = True
        torn = self._terminal.journal.find_torn()
        if work == "resolve" and torn is not None:
            self.shown.tried = torn.id
            error = TornTap(torn.id, error.detail)
        if work != "beat":
            result = result_of_error(error)
            if work == "inquire" and self._card is not None:
                result = named_for(result, self._card, at=datetime.now(UTC))
            self.shown.result = result

    def _find_cause(self, code: str, detail: str = "") -> None:
        """Run the tree after a failure, behind what is shown; it names the cause as soon as it is found."""
        folder = self._terminal.folder
        self._begin("cause", lambda: (code, detail, find_cause(folder, code)))

    def _named(self, failure: tuple[str, str, Finding | None] | None) -> None:
        if failure is None:
            return
        code, detail, found = failure
        if found is not None and found.code is not None:
            if self.shown.site_code == code:
                self.shown.site_code = found.code
            if self.shown.result is not None and self.shown.result.code == code:
                self.shown.result = with_cause(self.shown.result, found)
            code, detail = found.code, found.detail.en if found.detail else detail
        self._terminal.record_fault(code, detail)

    def _record(self, findings: list[Finding]) -> None:
        """Keep each fault that a diagnosis found, for the heartbeat."""
        for finding in findings:
            if finding.code is not None and finding.status in {"fault", "warning"}:
                self._terminal.record_fault(finding.code, finding.detail.en if finding.detail else "")

    def _clear_panel(self) -> None:
        self.shown.result = self.shown.findings = self.shown.batch = None

    def _refresh(self) -> None:
        journal = self._terminal.journal
        self.shown.last = journal.list_last(HISTORY)
        self.shown.queue = journal.queue()
        self.shown.exposure = journal.exposure()
        self.shown.torn = journal.find_torn()
        self.shown.unknown = len(journal.list_unknown())
        self.shown.undoable = journal.find_last_undoable()
        self.shown.held = journal.find_last_hold()
