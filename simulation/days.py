"""The days: each part of a day every terminal works, each night the site looks after itself.

Knows how terminals are started, killed and started again; must not know what a scene does.
"""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections import Counter
from collections.abc import Callable, MutableSequence, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from datetime import time as time_of_day
from multiprocessing.connection import Connection as Pipe
from multiprocessing.connection import wait
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connections

from prepaid.cards.hot_list import hot_list_version
from prepaid.ledger.outbox import fold_outbox
from prepaid.runner.supervisor import signals_kept_back
from prepaid.settlement.reconcile import reconcile
from prepaid.stored_value.bonus import pay_instalments
from prepaid.stored_value.expire import expire_lots
from prepaid.stored_value.holds import expire_holds
from prepaid.stores.standby import promote
from simulation.chain import ACTOR, TIMEZONE, Chain
from simulation.clock import Clock
from simulation.plan import PARTS, NightPlan, Plan, Shift, Visit
from simulation.progress import show
from simulation.steps import Barrier, Closed, Opened, ShiftFailed, Told
from simulation.till import Start, work
from terminals.state import StateFolder

OPENS_AT = (time_of_day(9, 30), time_of_day(17, 30))
NIGHT_AT = time_of_day(23, 0)
# A shift of a dozen visits; beyond this something hangs, and the run ends with an error.
SHIFT_S_MAX = 300.0
fork = multiprocessing.get_context("fork")


@dataclass(slots=True)
class Night:
    """What the site did by itself after a day, and which kinds of exception it then found open."""

    open: Counter[str]
    did: NightPlan


@dataclass(slots=True)
class Worked:
    """One shift as it went."""

    shift: Shift
    opened: Opened = field(default_factory=Opened)
    told: list[tuple[Visit, Told]] = field(default_factory=list)
    closed: Closed | None = None
    kills: int = 0


@dataclass(slots=True)
class Record:
    """The whole run: its shifts in order, and its nights."""

    worked: list[Worked] = field(default_factory=list)
    nights: list[Night] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Running:
    """A terminal that is at work now."""

    worked: Worked
    started: Any
    pipe: Pipe


class Days:
    """Runs a plan in a chain, on a clock of its own."""

    def __init__(self, chain: Chain, plan: Plan, clock: Clock, first_day: date) -> None:
        self.chain = chain
        self.plan = plan
        self.clock = clock
        self.first_day = first_day
        self.counters: MutableSequence[int] = fork.RawArray("L", len(chain.facts))
        self.barriers: Sequence[Barrier] = [fork.Barrier(2) for _ in range(plan.races)]
        self.known: dict[int, UUID] = {}
        self.record = Record()
        self.running: list[Running] = []
        self.served = 0
        # Programs beside the terminals of the plan, which end with this too.
        self.others: list[Any] = []

    def run(self, tell: Callable[[int, list[Worked], Night], None]) -> Record:
        """Run every day; `tell` hears of each after its night. Raises ShiftFailed."""
        for day in range(len(self.plan.shifts) // len(PARTS)):
            worked: list[Worked] = []
            for part in range(len(PARTS)):
                self.clock.move_to(self._at(day, OPENS_AT[part]))
                if self.plan.promotion.part == day * len(PARTS) + part:
                    self._promote(self._at(day, OPENS_AT[part]))
                worked += self._part(self.plan.shifts[day * len(PARTS) + part])
            self.record.worked += worked
            night = self._night(day)
            self.record.nights.append(night)
            tell(day, worked, night)
        return self.record

    def stop(self) -> None:
        """End every terminal that is still at work."""
        for started in [*(one.started for one in self.running), *self.others]:
            started.kill()
            started.join()
        self.running.clear()
        self.others.clear()

    def _at(self, day: int, at: time_of_day) -> datetime:
        return datetime.combine(self.first_day + timedelta(days=day), at, ZoneInfo(TIMEZONE))

    def _part(self, shifts: Sequence[Shift]) -> list[Worked]:
        worked = [Worked(shift) for shift in shifts]
        # A fork takes a copy of what is open, and a connection has one end only.
        connections.close_all()
        self.running = [self._start(one, self._start_of(one.shift)) for one in worked]
        deadline = time.monotonic() + SHIFT_S_MAX
        while self.running:
            ready = wait([one.pipe for one in self.running], timeout=max(0.0, deadline - time.monotonic()))
            if not ready:
                names = ", ".join(self._name(one.worked.shift) for one in self.running)
                raise ShiftFailed(f"{names} did not end within {SHIFT_S_MAX:.0f} seconds")
            for one in [one for one in self.running if one.pipe in ready]:
                self._hear(one)
        return worked

    def _start(self, worked: Worked, start: Start) -> Running:
        heard, told = fork.Pipe(duplex=False)
        shift = worked.shift
        started = fork.Process(
            target=work,
            args=(
                self.chain.posts[shift.post],
                shift,
                self.chain.facts,
                self.counters,
                self.barriers,
                dict(self.known),
                start,
                told,
            ),
            daemon=True,
        )
        with signals_kept_back():
            started.start()
        told.close()
        return Running(worked=worked, started=started, pipe=heard)

    def _hear(self, one: Running) -> None:
        """Take what a terminal says; start it again where it was killed in a scene that kills."""
        try:
            said = one.pipe.recv()
        except EOFError:
            self._ended(one)
            return
        match said:
            case Opened():
                one.worked.opened = said
            case Closed():
                one.worked.closed = said
            case Told():
                visit = one.worked.shift.visits[len(one.worked.told)]
                assert visit.number == said.visit, "visits are told in their order"
                one.worked.told.append((visit, said))
                self.served += 1
                shift = one.worked.shift
                show(f"day {shift.day + 1}, {PARTS[shift.part]}: {self.served} of {self.plan.visits} visits")
                if said.id is not None:
                    self.known[visit.number] = said.id

    def _ended(self, one: Running) -> None:
        self.running.remove(one)
        one.pipe.close()
        one.started.join()
        visits, done = one.worked.shift.visits, len(one.worked.told)
        code = one.started.exitcode
        if code == 0 and one.worked.closed is not None:
            return
        if code == -signal.SIGKILL and one.worked.shift.dies and done == len(visits):
            return
        is_meant = done < len(visits) and visits[done].scene in ("kill_before", "kill_after")
        if code != -signal.SIGKILL or not is_meant:
            raise ShiftFailed(f"{self._name(one.worked.shift)} ended with code {code} after {done} visits")
        one.worked.kills += 1
        self.running.append(self._start(one.worked, Start(first=done, is_restart=True)))

    def _name(self, shift: Shift) -> str:
        return self.chain.posts[shift.post].name

    def _promote(self, at: datetime) -> None:
        """Put the spare in the place of the terminal that died."""
        failed, spare = (
            self.chain.terminals[post] for post in (self.plan.promotion.failed, self.plan.promotion.spare)
        )
        promote(spare, failed, actor=ACTOR, note="It died.", hot_list_version=hot_list_version(), at=at)

    def _start_of(self, shift: Shift) -> Start:
        if shift.recovers < 0:
            return Start()
        return Start(failed_journal=StateFolder(self.chain.posts[shift.recovers].folder).journal_file)

    def _night(self, day: int) -> Night:
        """Do what the site's jobs do at night."""
        at = self._at(day, NIGHT_AT)
        self.clock.move_to(at)
        show(f"day {day + 1}, night: the site expires, pays and reconciles")
        did = NightPlan(
            expired_holds=expire_holds(at), instalments=pay_instalments(at), expired_lots=expire_lots(at)
        )
        fold_outbox()
        summary = reconcile(at)
        return Night(Counter(one.kind for one in summary.open if one.vanished_at is None), did)
