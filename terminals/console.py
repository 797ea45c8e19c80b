"""The terminal as a person uses it: what is typed, armed, asked and answered; what each key and tap does.

Knows keys by name, taps and results; must not know curses, threads or HTTP.
"""

from __future__ import annotations

from terminals import messages
from terminals.amounts import UNITS, is_amount_begun, parse_amount
from terminals.answering import Answering
from terminals.doctor import diagnose, examine
from terminals.errors import AmountError, StateError
from terminals.keying import Keying
from terminals.payloads import PayloadRefused, card_of
from terminals.pin_entry import PinEntry
from terminals.presenting import Presented, tapped, with_pin
from terminals.results import (
    result_of_error,
)
from terminals.scanners import Scanned, ScannerChanged
from terminals.shown import MODES, Question, capture_minor
from terminals.state import DeviceNotes
from terminals.watch import Event, ReaderChanged, Tapped


class Console(Answering):
    """What keys, taps and ended work do to what is shown."""

    def on_key(self, key: str) -> None:
        """Act on a key as screen.py names it: a character, `enter`, `esc`, `backspace`, `f1` to `f10`."""
        shown = self.shown
        if key == "q":
            key = "f10"
        if shown.question is not None:
            self._answer(key)
        elif shown.keying is not None and key != "f10":
            self._key_card(shown.keying, key)
        elif shown.pin is not None and key != "f10":
            self._key_pin(shown.pin, key)
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
        self._forget_pin()
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
        modes = {"r": "redeem", "f1": "redeem", "t": "load", "f2": "load", "b": "balance", "f3": "balance",
                 "h": "hold"}  # fmt: skip
        questions: dict[str, Question] = {
            "v": "void", "f4": "void", "c": "close", "f6": "close", "x": "cancel", "f9": "cancel",
            "p": "park", "f10": "quit", "s": "capture", "e": "release",
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
            elif question in {"capture", "release"} and shown.held is None:
                shown.hint = "nothing_held"
            elif question == "capture" and shown.typed and capture_minor(shown) is None:
                shown.hint = "type_amount"
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
        elif question == "release":
            self._work("release", self._terminal.release_last)
        elif question == "capture":
            amount = capture_minor(shown)
            self._work("capture", lambda: self._terminal.capture_last(amount))

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

    def _key_pin(self, entry: PinEntry, key: str) -> None:
        shown = self.shown
        if key == "esc":
            shown.pin = None
        elif (pin := entry.on_key(key)) is not None:
            shown.pin = None
            self._clear_panel()
            self._pin, shown.is_pin_typed, shown.is_armed = pin, True, True
            if isinstance(self._card, messages.NumberCard | messages.QrCard):
                # What is printed can be told again; a chip proves itself anew.
                self._sell(Presented(self._card))

    def _forget_pin(self) -> None:
        self._pin, self.shown.is_pin_typed = None, False

    def _presented(self, presented: Presented) -> None:
        shown = self.shown
        self._card = presented.card
        if shown.is_armed:
            self._sell(presented)
        elif shown.typed and shown.mode != "balance":
            shown.hint = "confirm_first"
        else:
            self._work("inquire", lambda: self._terminal.meet(presented))

    def _sell(self, presented: Presented) -> None:
        shown, terminal = self.shown, self._terminal
        amount = parse_amount(shown.typed.removesuffix("."), shown.currency)
        present, currency = terminal.card_to_present, shown.currency
        sell, uid, pin = terminal.transactions, presented.uid, self._pin
        self._forget_pin()
        if shown.mode == "load":
            self._work("load", lambda: sell.load(present(presented), amount, currency=currency, uid=uid))
        elif shown.mode == "hold":
            self._work(
                "hold",
                lambda: sell.hold(
                    with_pin(present(presented, amount), pin), amount, currency=currency, uid=uid
                ),
            )
        else:
            self._work(
                "redeem",
                lambda: sell.redeem(
                    with_pin(present(presented, amount), pin), amount, currency=currency, uid=uid
                ),
            )

    def _reader_changed(self, event: ReaderChanged) -> None:
        shown = self.shown
        if event.is_of_card:
            is_new_fault, shown.card_code = event.code != shown.card_code, event.code
        else:
            is_new_fault, worst = self._readers.note(event), self._readers.worst
            shown.reader_name, shown.reader_code, shown.card_code = worst.name, worst.code, ""
            self._terminal.folder.save_reader_notes(
                DeviceNotes(name=worst.name, code=worst.code, detail=worst.detail)
            )
        if is_new_fault:
            self._terminal.record_fault(event.code, event.detail, "tap")

    def _scanner_changed(self, event: ScannerChanged) -> None:
        if event.code and event.code != self.shown.scanner_code:
            self._terminal.record_fault(event.code, event.detail, "scan")
        self.shown.scanner_code = event.code
        self._terminal.folder.save_scanner_notes(
            DeviceNotes(name=event.name, code=event.code, detail=event.detail)
        )
