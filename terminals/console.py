"""The terminal as a person uses it: what is typed, armed, asked and answered; what each key and tap does.

Knows keys by name, taps and results; must not know curses, threads or HTTP.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from terminals import messages
from terminals.amounts import UNITS, Language, is_amount_begun, parse_amount
from terminals.batches import ClosedBatch
from terminals.doctor import Finding, diagnose, examine, find_cause
from terminals.errors import AmountError, ConnectionFault, StateError, TerminalError, TornTap
from terminals.journal import Entry
from terminals.keying import Keying
from terminals.payloads import PayloadRefused, card_of
from terminals.presenting import Presented, tapped
from terminals.results import (
    named_for,
    result_of,
    result_of_error,
    result_of_inquiry,
    with_cause,
)
from terminals.scanners import Scanned, ScannerChanged
from terminals.shown import MODES, Question, Shown
from terminals.state import DeviceNotes
from terminals.terminal import Terminal
from terminals.watch import Done, Event, ReaderChanged, Tapped

HISTORY = 5


class Console:
    """What keys, taps and ended work do to what is shown."""

    def __init__(
        self, terminal: Terminal, begin: Callable[[str, Callable[[], Any]], None], language: Language
    ) -> None:
        self._terminal = terminal
        self._begin = begin
        self._card: messages.Card | None = None
        self.shown = Shown(
            language=language, currency=terminal.enrolment.currency, money=terminal.enrolment.currency
        )
        self._refresh()

    def on_key(self, key: str) -> None:
        """Act on a key as screen.py names it: a character, `enter`, `esc`, `backspace`, `f1` to `f10`."""
        shown = self.shown
        if key == "q":
            key = "f10"
        if shown.question is not None:
            self._answer(key)
        elif shown.keying is not None and key != "f10":
            self._key_card(shown.keying, key)
        elif key in {"esc", "enter", "backspace"} or key in "0123456789.":
            self._type(key)
        elif key in {"l", "f8"}:
            shown.language = "zh" if shown.language == "en" else "en"
        elif shown.working is None or key == "f10":
            self._choose(key)

    def on_event(self, event: Event) -> None:
        """Act on a tap, a change of the reader, or the end of a piece of work."""
        if isinstance(event, Tapped):
            self._tapped(event)
        elif isinstance(event, ReaderChanged):
            self._reader_changed(event)
        elif isinstance(event, Scanned):
            self._scanned(event)
        elif isinstance(event, ScannerChanged):
            self._scanner_changed(event)
        else:
            self._done(event)
        self._refresh()

    def start(self) -> None:
        """Find out what an earlier run left unknown."""
        if self.shown.torn is not None:
            self._work("resolve", self._terminal.transactions.resolve)

    def beat(self) -> None:
        """Tell the site how the terminal is, unless something more urgent is under way."""
        if self.shown.working is None:
            reader, scanner = self.shown.reader_code, self.shown.scanner_code
            self._begin("beat", lambda: self._terminal.tell_health(reader, scanner))

    def _type(self, key: str) -> None:
        shown = self.shown
        shown.hint = ""
        if key == "esc":
            self._step_back()
            return
        if shown.working is not None or shown.mode == "balance":
            return
        if key == "enter":
            self._arm()
        elif key == "backspace":
            shown.is_armed = False
            shown.typed = shown.typed[:-1]
        else:
            if shown.result or shown.findings or shown.batch:
                # What is shown belongs to the amount before: the next digit begins a new one.
                shown.typed = ""
            self._clear_panel()
            text = shown.typed + key
            if key == ".":
                text = "0." if text == "." else text
            elif shown.typed == "0":
                text = key
            if is_amount_begun(text, shown.currency):
                shown.typed, shown.is_armed = text, False

    def _step_back(self) -> None:
        shown = self.shown
        if shown.is_armed:
            shown.is_armed = False
        elif shown.typed:
            shown.typed = ""
        elif shown.result or shown.findings or shown.batch:
            self._clear_panel()
        else:
            shown.mode = "redeem"

    def _arm(self) -> None:
        shown = self.shown
        try:
            parse_amount(shown.typed.removesuffix("."), shown.currency)
        except AmountError:
            shown.hint = "type_amount"
            return
        if shown.is_locked:
            shown.result = result_of_error(StateError("SW-TAMP-01"))
            return
        if shown.torn is not None and shown.tried != shown.torn.id:
            # What looked like a failure may have been paid: its outcome is shown before the next is taken.
            self._work("resolve", self._terminal.transactions.resolve)
            return
        self._clear_panel()
        shown.is_armed = True

    def _choose(self, key: str) -> None:
        shown = self.shown
        modes = {"r": "redeem", "f1": "redeem", "t": "load", "f2": "load", "b": "balance", "f3": "balance"}
        questions: dict[str, Question] = {
            "v": "void", "f4": "void", "c": "close", "f6": "close", "x": "cancel", "f9": "cancel",
            "p": "park", "f10": "quit",
        }  # fmt: skip
        shown.hint = ""
        if key in modes:
            self._clear_panel()
            shown.mode = next(mode for mode in MODES if mode == modes[key])
            shown.is_armed = False
        elif key in questions:
            question = questions[key]
            if question == "void" and shown.undoable is None:
                shown.hint = "nothing_to_undo"
            elif (question == "cancel" and not shown.unknown) or (question == "park" and shown.torn is None):
                shown.hint = "nothing_pending"
            else:
                shown.question = question
        elif key == "n":
            self._next_currency()
        elif key == "k":
            shown.keying = Keying()
        elif key in {"u", "f5"}:
            self._work("resolve", self._terminal.transactions.resolve)
        elif key in {"d", "f7"}:
            self._work("doctor", lambda: diagnose(examine(self._terminal.folder)))

    def _next_currency(self) -> None:
        """Let the next amount be visits, minutes, privileges, and money again."""
        shown = self.shown
        turn = (shown.money, *UNITS)
        self._clear_panel()
        shown.currency = turn[(turn.index(shown.currency) + 1) % len(turn)]
        shown.typed, shown.is_armed = "", False

    def _answer(self, key: str) -> None:
        shown = self.shown
        question, shown.question = shown.question, None
        if key not in {"enter", "y"}:
            return
        if question == "quit":
            shown.is_ended = True
        elif question == "void":
            self._work("void", self._terminal.void_last)
        elif question == "cancel":
            self._work("cancel", self._terminal.cancel_pending)
        elif question == "park":
            self._work("park", self._terminal.park_torn)
        elif question == "close":
            self._work("close", self._terminal.close_batch)

    def _tapped(self, event: Tapped) -> None:
        shown = self.shown
        shown.card_code = ""
        if shown.working is not None or shown.question is not None:
            shown.hint = "busy_tap"
            return
        self._presented(tapped(event.reader, event.tap))

    def _scanned(self, event: Scanned) -> None:
        shown = self.shown
        if shown.working is not None or shown.question is not None:
            shown.hint = "busy_tap"
            return
        shown.keying = None
        try:
            card = card_of(event.text, entry="scan")
        except PayloadRefused as refused:
            self._terminal.record_fault(refused.code, refused.detail, "scan")
            self._clear_panel()
            shown.result = result_of_error(refused)
            return
        self._presented(Presented(card))

    def _key_card(self, keying: Keying, key: str) -> None:
        shown = self.shown
        shown.hint = ""
        if key == "esc":
            shown.keying = None
        elif shown.working is None and (card := keying.on_key(key)) is not None:
            shown.keying = None
            self._presented(Presented(card))
        elif keying.fault:
            self._terminal.record_fault(keying.fault, "", "keyed")

    def _presented(self, presented: Presented) -> None:
        shown = self.shown
        self._card = presented.card
        if shown.is_armed:
            self._sell(presented)
        elif shown.typed and shown.mode != "balance":
            shown.hint = "confirm_first"
        else:
            self._work("inquire", lambda: self._terminal.inquire(presented))

    def _sell(self, presented: Presented) -> None:
        shown, terminal = self.shown, self._terminal
        amount = parse_amount(shown.typed.removesuffix("."), shown.currency)
        present, currency = terminal.card_to_present, shown.currency
        sell, uid = terminal.transactions, presented.uid
        if shown.mode == "load":
            self._work("load", lambda: sell.load(present(presented), amount, currency=currency, uid=uid))
        else:
            self._work(
                "redeem",
                lambda: sell.redeem(present(presented, amount), amount, currency=currency, uid=uid),
            )

    def _reader_changed(self, event: ReaderChanged) -> None:
        shown = self.shown
        changed = event.code not in {shown.reader_code, shown.card_code}
        if event.code.startswith("NFC-"):
            shown.card_code = event.code
        else:
            shown.reader_name, shown.reader_code, shown.card_code = event.name, event.code, ""
            self._terminal.folder.save_reader_notes(
                DeviceNotes(name=event.name, code=event.code, detail=event.detail)
            )
        if event.code and changed:
            self._terminal.record_fault(event.code, event.detail, "tap")

    def _scanner_changed(self, event: ScannerChanged) -> None:
        if event.code and event.code != self.shown.scanner_code:
            self._terminal.record_fault(event.code, event.detail, "scan")
        self.shown.scanner_code = event.code
        self._terminal.folder.save_scanner_notes(
            DeviceNotes(name=event.name, code=event.code, detail=event.detail)
        )

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
        elif done.work == "resolve":
            self._resolved(done.value)
        elif done.work == "doctor":
            shown.findings = done.value
            self._record(done.value)
        elif isinstance(done.value, ClosedBatch):
            shown.batch = done.value
        if shown.mode == "load":
            shown.mode = "redeem"

    def _ended(self, entry: Entry) -> None:
        result = result_of(entry)
        if self._card is not None and entry.type in {"redeem", "load"}:
            result = named_for(result, self._card, at=entry.occurred_at)
        self.shown.result = result
        self._terminal.journal.mark_shown(entry.id)
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
        sales = [entry for entry in entries if entry.type in {"redeem", "load"}]
        self.shown.site_code = ""
        if sales or entries:
            self.shown.result = result_of((sales or entries)[-1])
            self._terminal.journal.mark_shown((sales or entries)[-1].id)
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
