"""The scenes at a terminal: what the cashier and the people do, and what the agent says to it, step by step.

Knows the agent's calls and how its line is made to fail; must not know what ought to come of a scene.
"""

from __future__ import annotations

import time
from collections.abc import Callable, MutableSequence, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from threading import BrokenBarrierError
from typing import Any, Protocol
from uuid import UUID

from simulation.cards import Facts, HeldCard
from simulation.line import Failure, Line
from simulation.plan import Visit
from simulation.script import Scene
from terminals import messages
from terminals.conversations import prove
from terminals.errors import ConnectionFault, NothingSent, TerminalError
from terminals.identifiers import uuid7
from terminals.journal import Entry
from terminals.stand_in import now
from terminals.terminal import Terminal

RACE_WAIT_S = 60.0
EVERY_CALL = 1_000
HOLD_GOOD_FOR = timedelta(hours=1)
ANOTHER = "another transaction"


class Barrier(Protocol):
    """Where two terminals meet, in whatever programs they are."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the other."""


@dataclass(slots=True, kw_only=True)
class Told:
    """What came of a visit: what each step said, the id of its first transaction, times in milliseconds."""

    visit: int
    said: list[str] = field(default_factory=list)
    id: UUID | None = None
    attempts: int = 0
    faults: list[str] = field(default_factory=list)
    took_ms: list[float] = field(default_factory=list)
    waiting_count: int = 0
    waiting_minor: int = 0


@dataclass(slots=True, kw_only=True)
class Opened:
    """What the terminal did before its first visit: what of the past it resolved and uploaded."""

    resolved: int = 0
    uploaded: int = 0
    faults: list[str] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Closed:
    """The end of a shift: whether the batch was balanced; None where it could not be told."""

    is_balanced: bool | None
    faults: list[str] = field(default_factory=list)


class Till:
    """A terminal at work. Each scene is a method; SCENES says which."""

    def __init__(
        self,
        terminal: Terminal,
        line: Line,
        facts: Sequence[Facts],
        counters: MutableSequence[int],
        barriers: Sequence[Barrier],
        known: dict[int, UUID],
    ) -> None:
        self.terminal = terminal
        self.line = line
        self.cards = [HeldCard(one, counters) for one in facts]
        self.barriers = barriers
        self.known = known
        self.told = Told(visit=0)

    def open(self) -> Opened:
        """Begin a shift as the agent does: resolve, upload, tell how it is, and fetch grant and hot list."""
        unknown = len(self.terminal.journal.list_unknown())
        waiting = self.terminal.journal.exposure().count
        try:
            self.terminal.transactions.resolve()
            self.terminal.tell_health(None)
        except ConnectionFault as fault:
            self.terminal.record_fault(fault.code, fault.detail)
            return Opened(faults=[fault.code])
        return Opened(resolved=unknown, uploaded=waiting)

    def close(self, *, closes_batch: bool) -> Closed:
        """End a shift, in the evening with the batch; without a network that waits until it is back."""
        try:
            closed = self.terminal.close_batch() if closes_batch else None
            self.terminal.tell_health(None)
        except ConnectionFault as fault:
            self.terminal.record_fault(fault.code, fault.detail)
            return Closed(is_balanced=None, faults=[fault.code])
        return Closed(is_balanced=closed.answer.balanced if closed else None)

    def serve(self, visit: Visit, *, is_again: bool) -> Told:
        """Play a scene. `is_again`: the terminal died in it, and the same person comes back to it."""
        self.told = Told(visit=visit.number)
        if visit.scene in ("kill_before", "kill_after") and not is_again:
            self.line.fail_next(KILLS[visit.scene])
        SCENES.get(visit.scene, Till._tap)(self, visit)
        waiting = self.terminal.journal.exposure()
        self.told.waiting_count, self.told.waiting_minor = waiting.count, waiting.amount
        if self.told.id is not None:
            self.known[visit.number] = self.told.id
        return self.told

    def redeem(self, card: messages.Card, amount_minor: int, held: HeldCard) -> Entry | None:
        """Take one step: spend from a card as it is presented; what the air shows is the card's UID."""
        uid = held.uid if isinstance(card, messages.SunCard) else None
        return self.step(lambda: self.terminal.transactions.redeem(card, amount_minor, uid=uid))

    def step(self, ask: Callable[[], Entry]) -> Entry | None:
        """Take one step and note what the person at the terminal is told; None where nothing was written."""
        started = time.perf_counter()
        try:
            entry = ask()
        except TerminalError as error:
            self.told.said.append(f"not sent {error.code}" if isinstance(error, NothingSent) else error.code)
            self._name_fault(error.code)
            return None
        self.told.took_ms.append((time.perf_counter() - started) * 1000)
        self.told.id = self.told.id or entry.id
        self.told.attempts = max(self.told.attempts, entry.attempts)
        self.told.said.append(said_of(entry))
        if entry.state in ("cancelled", "unresolved") and entry.code:
            self._name_fault(entry.code)
        if not entry.is_pending or entry.state == "stand_in":
            self.terminal.journal.mark_shown(entry.id)
        return entry

    def _name_fault(self, code: str) -> None:
        """Have the agent tell the site of a fault with its next heartbeat, as its own screen does."""
        self.terminal.record_fault(code)
        self.told.faults.append(code)

    def post(self, make: Callable[[dict[str, Any]], messages.Transaction]) -> Entry | None:
        """Take one step with a transaction that the agent has no command for: written first, as all are."""
        journal = self.terminal.journal

        def ask() -> Entry:
            entry = journal.write(
                lambda sequence: make(
                    {
                        "id": uuid7(),
                        "sequence": sequence,
                        "occurred_at": now(),
                        "operator": self.terminal.operator,
                    }
                )
            )
            self.terminal.transactions.resolve()
            return journal.find(entry.id) or entry

        return self.step(ask)

    def _tap(self, visit: Visit) -> None:
        held = self.cards[visit.card]
        self.redeem(held.tap(), visit.amount, held)

    def _keyed(self, visit: Visit) -> None:
        held = self.cards[visit.card]
        self.redeem(held.typed(), visit.amount, held)

    def _scan(self, visit: Visit) -> None:
        held = self.cards[visit.card]
        self.redeem(held.scanned(), visit.amount, held)

    def _top_up(self, visit: Visit) -> None:
        held = self.cards[visit.card]
        self.step(lambda: self.terminal.transactions.load(held.tap(), visit.amount, uid=held.uid))

    def _top_up_void(self, visit: Visit) -> None:
        """The wrong card was topped up: the void takes back what it earned as well."""
        held = self.cards[visit.card]
        entry = self.step(lambda: self.terminal.transactions.load(held.tap(), visit.amount, uid=held.uid))
        if entry is not None:
            self.step(lambda: self.terminal.transactions.void(entry.id))

    def _void(self, visit: Visit) -> None:
        held = self.cards[visit.card]
        entry = self.redeem(held.tap(), visit.amount, held)
        if entry is not None:
            self.step(lambda: self.terminal.transactions.void(entry.id))

    def _hold(self, visit: Visit) -> Entry | None:
        held, sell = self.cards[visit.card], self.terminal.transactions
        card = held.tap()
        return self.step(lambda: sell.hold(card, visit.amount, good_for=HOLD_GOOD_FOR, uid=held.uid))

    def _capture(self, visit: Visit) -> None:
        entry = self._hold(visit)
        if entry is not None:
            self.step(lambda: self.terminal.transactions.capture(entry.id, visit.second_amount))

    def _release(self, visit: Visit) -> None:
        entry = self._hold(visit)
        if entry is not None:
            self.step(lambda: self.terminal.transactions.release(entry.id))

    def _left_hold(self, visit: Visit) -> None:
        """Nobody comes back for it: the site releases it at night."""
        self._hold(visit)

    def _refund(self, visit: Visit) -> None:
        original, currency = self.known[visit.original], self.terminal.enrolment.currency
        self.post(
            lambda asked: messages.Refund(**asked, original=original, amount=visit.amount, currency=currency)
        )

    def _wrong_pin(self, visit: Visit) -> None:
        held = self.cards[visit.card]
        self.redeem(held.typed_with_wrong_pin(), visit.amount, held)

    def _replayed_sun(self, visit: Visit) -> None:
        """Somebody read along, and shows what the card showed."""
        held = self.cards[visit.card]
        overheard = held.tap()
        self.redeem(overheard, visit.amount, held)
        self.redeem(overheard, visit.second_amount or visit.amount + 50, held)

    def _copied_uid(self, visit: Visit) -> None:
        held = self.cards[visit.card]
        self.redeem(held.copied_uid(), visit.amount, held)

    def _forged_sun(self, visit: Visit) -> None:
        held = self.cards[visit.card]
        self.redeem(held.forged(), visit.amount, held)

    def _challenged(self, visit: Visit) -> None:
        """The card answers a challenge of the site before it pays."""
        self._prove_and_redeem(self.cards[visit.card], visit.amount)

    def _copied_chip(self, visit: Visit) -> None:
        """A chip that shows another card's messages is asked for more."""
        self._prove_and_redeem(self.cards[visit.card].copied_chip(), visit.amount)

    def _prove_and_redeem(self, held: HeldCard, amount_minor: int) -> None:
        def ask() -> Entry:
            token = prove(self.terminal.site, held, held.tap_to_prove())
            return self.terminal.transactions.redeem(token, amount_minor, uid=held.uid)

        self.step(ask)

    def _pulled_away(self, visit: Visit) -> None:
        held = self.cards[visit.card]
        held.pull_away()
        self.redeem(held.tap(), visit.amount, held)

    def _cut_request(self, visit: Visit) -> None:
        self.line.fail_next("cut_request")
        self._tap(visit)

    def _cut_answer(self, visit: Visit) -> None:
        self.line.fail_next("cut_answer")
        self._tap(visit)

    def _torn_tap(self, visit: Visit) -> None:
        """No answer comes; another card must wait; the same card is told of its one purchase."""
        held, other = self.cards[visit.card], self.cards[visit.other]
        self.line.fail_next("cut_answer", EVERY_CALL)
        torn = self.redeem(held.tap(), visit.amount, held)
        self.redeem(other.tap(), visit.amount + 50, other)
        self.line.mend()
        resumed = self.redeem(held.tap(), visit.amount, held)
        if torn is None or resumed is None or torn.id != resumed.id:
            self.told.said.append(ANOTHER)

    def _reversal(self, visit: Visit) -> None:
        self._cancel("cut_answer", visit)

    def _reversal_unsent(self, visit: Visit) -> None:
        self._cancel("cut_request", visit)

    def _cancel(self, failure: Failure, visit: Visit) -> None:
        """No answer comes, and the customer walks off: the cashier cancels it."""
        self.line.fail_next(failure, EVERY_CALL)
        held = self.cards[visit.card]
        torn = self.redeem(held.tap(), visit.amount, held)
        self.line.mend()
        if torn is not None:
            self.step(lambda: self.terminal.transactions.reverse(torn.id))
            self.step(lambda: self.terminal.transactions.find(torn.id) or torn)

    def _race_tap(self, visit: Visit) -> None:
        held = self.cards[visit.card]
        if visit.second_amount:
            self.terminal.transactions.load(held.tap(), visit.second_amount, uid=held.uid)
        self._meet(visit)
        self.redeem(held.tap(), visit.amount, held)

    def _race_keyed(self, visit: Visit) -> None:
        held = self.cards[visit.card]
        self._meet(visit)
        self.redeem(held.typed(), visit.amount, held)

    def _meet(self, visit: Visit) -> None:
        try:
            self.barriers[visit.race].wait(RACE_WAIT_S)
        except BrokenBarrierError:
            self.told.said.append("the other never came")

    def _offline_poor(self, visit: Visit) -> None:
        """Spend offline twice, and more than is on the card."""
        self._tap(visit)
        self._tap(visit)


SCENES: dict[Scene, Callable[[Till, Visit], None]] = {
    "keyed": Till._keyed,
    "scan": Till._scan,
    "top_up": Till._top_up,
    "void": Till._void,
    "top_up_void": Till._top_up_void,
    "capture": Till._capture,
    "release": Till._release,
    "left_hold": Till._left_hold,
    "refund": Till._refund,
    "wrong_pin": Till._wrong_pin,
    "replayed_sun": Till._replayed_sun,
    "copied_uid": Till._copied_uid,
    "forged_sun": Till._forged_sun,
    "challenged": Till._challenged,
    "copied_chip": Till._copied_chip,
    "pulled_away": Till._pulled_away,
    "cut_request": Till._cut_request,
    "cut_answer": Till._cut_answer,
    "torn_tap": Till._torn_tap,
    "reversal": Till._reversal,
    "reversal_unsent": Till._reversal_unsent,
    "race_tap": Till._race_tap,
    "race_keyed": Till._race_keyed,
    "offline_scan": Till._scan,
    "offline_keyed": Till._keyed,
    "offline_top_up": Till._top_up,
    "offline_clone": Till._replayed_sun,
    "offline_poor": Till._offline_poor,
    "poor_top_up": Till._top_up,
}
KILLS: dict[Scene, Failure] = {"kill_before": "kill_before", "kill_after": "kill_after"}


def said_of(entry: Entry) -> str:
    """Say in one line how an entry stands, as the person at the terminal is told."""
    match entry.state:
        case "answered":
            assert entry.answer is not None, "what is answered has its answer"
            reason = entry.answer.reason
            return f"declined {reason}" if reason else "approved"
        case "stand_in":
            return "approved offline"
        case "cancelled":
            return f"not sent {entry.code}"
        case "refused":
            return f"refused {entry.code}"
        case _:
            return f"unknown {entry.code}"
