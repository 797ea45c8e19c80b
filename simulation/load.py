"""As fast as it can: every terminal redeems by tap, one after another, with its journal on the disk as ever.

Knows rates and latencies; the agents call the site itself here, without the line that fails.
"""

from __future__ import annotations

import os
import time
from collections.abc import MutableSequence, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection as Pipe

import msgspec
from django.db import connections

from prepaid.ledger.audit import audit
from prepaid.runner.supervisor import signals_kept_back
from simulation.books import AUDIT_FINDINGS_MAX, compare_journals
from simulation.cards import Facts
from simulation.days import Days, fork
from simulation.line import HOST
from simulation.pad import Pad
from simulation.plan import CARDS_EACH_MIN
from simulation.steps import Barrier
from simulation.till import PATIENCE, TIMEOUTS, Post, settle_signals
from terminals.lock import AgentLock
from terminals.state import StateFolder
from terminals.terminal import Terminal

# No card runs dry of single minor units.
AMOUNT_MINOR = 1
BEGIN_WAIT_S = 60.0


@dataclass(slots=True)
class Load:
    """How it went: `took_ms` has a latency for each transaction, and `differences` what does not agree."""

    terminals: int
    seconds: float = 0.0
    took_ms: list[float] = field(default_factory=list)
    declined: int = 0
    differences: list[str] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        """Transactions a second, all terminals together."""
        return len(self.took_ms) / self.seconds


def measure(days: Days, seconds: float) -> Load:
    """Let every terminal redeem for so many seconds, and hold journals and ledger to one another after."""
    chain = days.chain
    posts = [chain.posts[shift.post] for shift in days.plan.shifts[-1]]
    load = Load(len(posts))
    connections.close_all()
    regulars = [one for one in chain.facts if one.number in days.plan.people.regulars]
    barrier, running = fork.Barrier(load.terminals), []
    for number, post in enumerate(posts):
        heard, told = fork.Pipe(duplex=False)
        cards = regulars[number :: load.terminals][:CARDS_EACH_MIN]
        started = fork.Process(
            target=redeem_until, args=(post, cards, days.counters, barrier, seconds, told), daemon=True
        )
        with signals_kept_back():
            started.start()
        told.close()
        days.others.append(started)
        running.append((started, heard))
    for started, heard in running:
        began, ended, took_ms, declined = heard.recv()
        started.join()
        load.seconds = max(load.seconds, ended - began)
        load.took_ms += took_ms
        load.declined += declined
    days.others.clear()
    if load.declined:
        load.differences.append(f"{load.declined} were not approved")
    load.differences += compare_journals(chain, days.plan)
    load.differences += [f"ledger audit: {one}" for one in audit(findings_max=AUDIT_FINDINGS_MAX)]
    return load


def redeem_until(
    post: Post,
    facts: Sequence[Facts],
    counters: MutableSequence[int],
    barrier: Barrier,
    seconds: float,
    pipe: Pipe,
) -> None:
    """Redeem with these cards in turn until the time is over, and tell of it through the pipe."""
    settle_signals()
    folder = StateFolder(post.folder)
    folder.save_enrolment(msgspec.structs.replace(folder.enrolment(), site=f"http://{HOST}:{post.site_port}"))
    pad = Pad(counters)
    took_ms: list[float] = []
    declined = 0
    with (
        AgentLock(folder, "headless"),
        Terminal(folder, operator=post.name, patience=PATIENCE, timeouts=TIMEOUTS) as terminal,
    ):
        barrier.wait(BEGIN_WAIT_S)
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            started = time.perf_counter()
            entry = pad.present(
                facts[len(took_ms) % len(facts)],
                lambda shown: terminal.transactions.redeem(shown.card, AMOUNT_MINOR, uid=shown.uid),
            )
            terminal.journal.mark_shown(entry.id)
            took_ms.append((time.perf_counter() - started) * 1000)
            declined += entry.answer is None or entry.answer.outcome != "approved"
        ended = time.monotonic()
        pipe.send((began, ended, took_ms, declined))
    pipe.close()
    os._exit(0)
