"""kill -9 of agent, web server and database at random points: nothing lost, nothing doubled."""

from __future__ import annotations

import contextlib
import json
import os
import random
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.journey.running import ROOT, RunningSite, own_environment

pytestmark = [pytest.mark.kill, pytest.mark.long]
REDEEMS = 200
KILLS = {"agent": 8, "web": 3, "database": 4}
# The web server gives up when a worker dies again this soon after it was started anew.
WEB_REST_S = 8.0
WEB_JITTER_S = 2.0
# All kills fall while the web server's do, which lie apart.
KILLING_S = (KILLS["web"] - 1) * (WEB_REST_S + WEB_JITTER_S) + WEB_JITTER_S
LIMIT_S = 300
LOADED = 50_000
NOBODY = 2**22 + 1  # no process has this number


def kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def victims(site: RunningSite, kind: str) -> list[int]:
    if kind == "web":
        return site.web_workers() or [NOBODY]
    with contextlib.suppress(OSError, ValueError, IndexError):
        return [site.database_server()]
    return [NOBODY]


def plan_kills(chance: random.Random) -> list[tuple[float, str]]:
    """Draw when to kill what, in seconds from the start; the web server's kills lie apart."""
    plan = [
        (chance.uniform(0, KILLING_S), kind) for kind in ("agent", "database") for _ in range(KILLS[kind])
    ]
    plan += [
        (place * (WEB_REST_S + WEB_JITTER_S) + chance.uniform(0, WEB_JITTER_S), "web")
        for place in range(KILLS["web"])
    ]
    return sorted(plan)


class Cashier:
    """The loop of redeems as a process, started again each time that it is killed."""

    def __init__(self, state: Path, card: dict[str, str]) -> None:
        self.command = [
            sys.executable,
            "-m",
            "tests.journey.redeem_loop",
            str(state),
            card["number"],
            card["pin"],
        ]
        self.restarts = -1

    def start(self) -> subprocess.Popen[str]:
        self.restarts += 1
        process = subprocess.Popen(
            [*self.command, str(REDEEMS)], cwd=ROOT, env=own_environment(), stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        threading.Thread(target=process.stdout.read, daemon=True).start()
        return process


def test_two_hundred_redeems_under_kills_are_each_posted_once(site: RunningSite, data_folder: Path) -> None:
    seed = secrets.randbelow(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    state = site.enrol(data_folder / "terminal-2")
    card = site.issue_card(LOADED)
    cashier = Cashier(state, card)
    process = cashier.start()
    begun = time.monotonic()

    for after_s, kind in plan_kills(chance):
        # The moment of each kill is drawn by chance: there is no condition to wait for.
        time.sleep(max(0.0, begun + after_s - time.monotonic()))
        if kind == "agent":
            kill(process.pid)
            process.wait()
            process = cashier.start()
        else:
            kill(chance.choice(victims(site, kind)))
    (state / "enough").touch()
    assert process.wait(LIMIT_S) == 0, f"seed {seed}\n{site.log()}"

    queue = json.loads(site.agent("queue", "--resolve", "--json", state=state))
    entries = [json.loads(line) for line in site.agent("queue", "--export", state=state).splitlines()]
    answers = {one["request"]["id"]: one["answer"] for one in entries if one["request"]["type"] == "redeem"}
    approved = {key for key, answer in answers.items() if answer and answer["outcome"] == "approved"}
    posted = Counter(posted_ids(site, state, "select id", "redeem"))
    undone = set(posted_ids(site, state, "select original_id", "reversal"))
    balance = json.loads(
        site.agent("balance", "--number", card["number"], "--pin", card["pin"], "--json", state=state)
    )
    assert queue["count"] == 0
    assert len(approved) >= REDEEMS
    assert set(posted.values()) == {1}, f"posted twice, seed {seed}"
    assert set(posted) - undone == approved, f"the journal and the ledger differ, seed {seed}"
    assert balance["balance"] == LOADED - len(approved)
    assert cashier.restarts == KILLS["agent"]
    site.manage("reconcile", "--json")


def posted_ids(site: RunningSite, state: Path, select: str, kind: str) -> list[str]:
    query = f"{select}::text from ledger_transaction where type = %s and origin_id = %s"
    with site.database() as database:
        return [row[0] for row in database.execute(query, [kind, terminal_id(state)])]


def terminal_id(state: Path) -> str:
    return str(json.loads((state / "terminal.json").read_text())["terminal_id"])
