"""kill -9 at each step of a redeem: nothing lost, nothing doubled, the same bytes whenever sent again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from terminals.journal import Entry, Journal
from tests.terminals.conftest import ROOT, Agent
from tests.terminals.recording_site import RecordingSite

REDEEM = ("redeem", "--amount", "12.50", "--number", "8600123456789012", "--pin", "493817")
pytestmark = pytest.mark.kill


def last_entry(agent: Agent) -> Entry:
    journal = Journal(agent.folder.journal_file, agent.folder.enrolment().terminal_id)
    try:
        [entry] = journal.list_last(1)
        return entry
    finally:
        journal.close()


@pytest.mark.parametrize(
    ("step", "state", "posted"),
    [
        ("written", "written", 0),
        ("marked_sent", "sent", 0),
        ("received", "sent", 1),
        ("before_storing", "sent", 1),
        ("stored", "answered", 1),
    ],
)
def test_a_redeem_killed_at_any_step_is_posted_exactly_once(
    agent: Agent, site: RecordingSite, step: str, state: str, posted: int
) -> None:
    ended = agent.run(*REDEEM, "--json", dies_at=step)
    assert ended.returncode == -signal.SIGKILL
    entry = last_entry(agent)
    assert (entry.state, len(site.postings)) == (state, posted)

    code, queue = agent.json("queue", "--resolve")
    assert (code, queue["count"]) == (0, 0)
    assert [item["id"] for item in queue["resolved"]] == ([] if state == "answered" else [str(entry.id)])
    assert [posting["id"] for posting in site.postings] == [str(entry.id)]
    assert {call.body for call in site.sent()} == {site.bodies[str(entry.id)]}
    assert entry.body in {None, site.bodies[str(entry.id)]}
    assert site.balance == 98_750


def test_an_agent_killed_while_the_site_works_finds_its_answer(agent: Agent, site: RecordingSite) -> None:
    # The site itself ends the agent, when the call has arrived and before it is answered.
    words = [sys.executable, "-m", "terminals", *REDEEM, "--state", str(agent.folder.path)]
    running: list[subprocess.Popen[bytes]] = []
    site.during = lambda: os.kill(running[0].pid, signal.SIGKILL) if running else None
    running.append(subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
    assert running[0].wait(60) == -signal.SIGKILL
    site.during = lambda: None
    code, queue = agent.json("queue", "--resolve")
    assert (code, queue["resolved"][0]["outcome"]) == (0, "approved")
    assert len(site.postings) == 1


@pytest.mark.parametrize("step", ["cancelled", "unresolved"])
def test_a_reversal_killed_on_the_way_ends_with_nothing_moved(
    agent: Agent, site: RecordingSite, step: str
) -> None:
    if step == "unresolved":
        site.fates.append("lost")
        assert agent.run(*REDEEM, dies_at=step).returncode == -signal.SIGKILL
    else:
        site.fates.extend(["lost"] * 4)
        assert agent.json(*REDEEM)[0] == 3
        assert agent.run("reverse", dies_at=step).returncode == -signal.SIGKILL
    agent.run("reverse")
    code, queue = agent.json("queue", "--resolve")
    assert (code, queue["count"]) == (0, 0)
    assert site.balance == 100_000
    assert sorted(site.sequences) == [1, 2]


def test_a_new_sale_resolves_the_killed_one_first(agent: Agent, site: RecordingSite) -> None:
    agent.run(*REDEEM, dies_at="received")
    code, sale = agent.json("redeem", "--amount", "3.00", "--qr", "87001234567890123458")
    assert (code, sale["outcome"], sale["sequence"]) == (0, "approved", 2)
    assert [(item["sequence"], item["outcome"]) for item in sale["resolved"]] == [(1, "approved")]
    assert site.balance == 100_000 - 1250 - 300


def test_the_same_id_after_a_kill_is_the_same_transaction(agent: Agent, site: RecordingSite) -> None:
    named = (*REDEEM, "--id", "01936d2e-7c11-7abc-8def-0123456789ff")
    agent.run(*named, dies_at="received")
    code, sale = agent.json(*named)
    assert (code, sale["outcome"], sale["sequence"]) == (0, "approved", 1)
    assert len(site.postings) == 1
    code, other = agent.json("redeem", "--amount", "12.51", *named[3:])
    assert (code, other["code"], other["money_moved"]) == (1, "id_reused", "no")
    assert len(site.postings) == 1
