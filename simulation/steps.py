"""A terminal at work: how its shift begins and ends, and one step of a visit after another.

Knows the agent's calls and what a person is told after each; must not know which scenes there are.
"""

from __future__ import annotations

import time
from collections.abc import Callable, MutableSequence, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import BrokenBarrierError
from typing import Any, Protocol
from uuid import UUID

from simulation.cards import Facts
from simulation.line import Line
from simulation.pad import Pad
from simulation.plan import Visit
from terminals import messages
from terminals.errors import ConnectionFault, NothingSent, TerminalError
from terminals.identifiers import uuid7
from terminals.journal import Entry
from terminals.presenting import Presented
from terminals.recovery import recover
from terminals.stand_in import now
from terminals.terminal import Terminal

RACE_WAIT_S = 60.0


class ShiftFailed(Exception):
    """A terminal ended as nobody meant it to."""


class Barrier(Protocol):
    """Where two terminals meet, in whatever programs they are."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the other."""


@dataclass(slots=True, kw_only=True)
class Told:
    """What came of a visit: what each step said, the id of its first transaction, times in milliseconds.

    `took_ms` is from the card on the reader to the answer, for each step that was approved at once.
    """

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
    """What the terminal did before its first visit: what of the past it resolved, uploaded and recovered."""

    resolved: int = 0
    uploaded: int = 0
    recovered: int = 0
    faults: list[str] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Closed:
    """The end of a shift: whether the batch was balanced; None where it could not be told."""

    is_balanced: bool | None
    faults: list[str] = field(default_factory=list)


class Till:
    """A terminal at work, with its pad and its line; `known` are the transactions of earlier visits."""

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
        self.transactions = terminal.transactions
        self.line = line
        self.facts = facts
        self.pad = Pad(counters)
        self.barriers = barriers
        self.known = known
        self.told = Told(visit=0)

    def open(self, failed_journal: Path | None) -> Opened:
        """Begin a shift as the agent does: resolve, upload, tell how it is, and fetch grant and hot list.

        After taking over from a failed terminal, what that one still had is sent first.
        """
        unknown = len(self.terminal.journal.list_unknown())
        waiting = self.terminal.journal.exposure().count
        recovered = 0
        try:
            if failed_journal is not None:
                self.terminal.tell_health(None)
                done = recover(self.terminal, failed_journal)
                assert done.error is None, done.error
                recovered = len(done.resolved)
            self.transactions.resolve()
            self.terminal.tell_health(None)
        except ConnectionFault as fault:
            self.terminal.record_fault(fault.code, fault.detail)
            return Opened(faults=[fault.code])
        return Opened(resolved=unknown, uploaded=waiting, recovered=recovered)

    def close(self, *, closes_batch: bool) -> Closed:
        """End a shift, in the evening with the batch; without a network that waits until it is back."""
        try:
            closed = self.terminal.close_batch() if closes_batch else None
            self.terminal.tell_health(None)
        except ConnectionFault as fault:
            self.terminal.record_fault(fault.code, fault.detail)
            return Closed(is_balanced=None, faults=[fault.code])
        return Closed(is_balanced=closed.answer.balanced if closed else None)

    def serve(self, visit: Visit, play: Callable[[Till, Visit], None]) -> Told:
        """Play a scene, and give what the people in it were told."""
        self.told = Told(visit=visit.number)
        play(self, visit)
        waiting = self.terminal.journal.exposure()
        self.told.waiting_count, self.told.waiting_minor = waiting.count, waiting.amount
        if self.told.id is not None:
            self.known[visit.number] = self.told.id
        return self.told

    def tap(self, card: int, amount_minor: int, **more: Any) -> Entry | None:
        """Take one step: spend by tap, after a challenge where the policy wants one."""
        return self.step(
            lambda: self.pad.present(self.facts[card], lambda shown: self.spend(shown, amount_minor, **more))
        )

    def spend(self, shown: Presented, amount_minor: int, **more: Any) -> Entry:
        """Spend from the card on the pad."""
        card = self.terminal.card_to_present(shown, amount_minor)
        return self.transactions.redeem(card, amount_minor, uid=shown.uid, **more)

    def redeem(self, card: messages.Card, amount_minor: int) -> Entry | None:
        """Take one step: spend from what was typed or scanned."""
        return self.step(lambda: self.transactions.redeem(card, amount_minor))

    def load(self, card: int, amount_minor: int) -> Entry | None:
        """Take one step: top a card up that is tapped."""

        def use(shown: Presented) -> Entry:
            return self.transactions.load(shown.card, amount_minor, uid=shown.uid)

        return self.step(lambda: self.pad.present(self.facts[card], use))

    def step(self, ask: Callable[[], Entry]) -> Entry | None:
        """Take one step and note what the person at the terminal is told; None where nothing was written."""
        started = time.perf_counter()
        try:
            entry = ask()
        except TerminalError as error:
            self.told.said.append(f"not sent {error.code}" if isinstance(error, NothingSent) else error.code)
            self._name_fault(error.code)
            return None
        said = said_of(entry)
        if said == "approved" and entry.attempts == 1:
            self.told.took_ms.append((time.perf_counter() - started) * 1000)
        self.told.id = self.told.id or entry.id
        self.told.attempts = max(self.told.attempts, entry.attempts)
        self.told.said.append(said)
        if entry.state in ("cancelled", "unresolved") and entry.code:
            self._name_fault(entry.code)
        if not entry.is_pending or entry.state == "stand_in":
            self.terminal.journal.mark_shown(entry.id)
        return entry

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
            self.transactions.resolve()
            return journal.find(entry.id) or entry

        return self.step(ask)

    def meet(self, race: int) -> None:
        """Wait for the other terminal of a race."""
        try:
            self.barriers[race].wait(RACE_WAIT_S)
        except BrokenBarrierError:
            self.told.said.append("the other never came")

    def _name_fault(self, code: str) -> None:
        """Have the agent tell the site of a fault with its next heartbeat, as its own screen does."""
        self.terminal.record_fault(code)
        self.told.faults.append(code)


def said_of(entry: Entry) -> str:
    """Say in one line how an entry stands, as the person at the terminal is told."""
    match entry.state:
        case "answered":
            assert entry.answer is not None, "what is answered has its answer"
            if entry.answer.reason:
                return f"declined {entry.answer.reason}"
            is_part = entry.type == "redeem" and entry.answer.approved_amount != entry.amount_minor
            return "approved in part" if is_part else "approved"
        case "stand_in":
            return "approved offline"
        case "cancelled":
            return f"not sent {entry.code}"
        case "refused":
            return f"refused {entry.code}"
        case _:
            return f"unknown {entry.code}"
