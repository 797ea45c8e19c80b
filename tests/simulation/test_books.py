"""The comparison at the end of a simulation: it is silent on true books, and names each falsification."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

from simulation.script import GOOD, PLANTED
from tests.journey.running import ROOT, own_environment

RUN_TIMEOUT_S = 300
# A part of what must be said of each; the first is said of nothing but true books.
NAMED = {
    "an answer at the site is gone": "the site (None, None, None)",
    "a posting is gone": "is posted 0 times",
    "a balance is raised": "owed to card holders",
    "a journal forgets an entry": "is at the site and in no journal",
    "a fault is kept from the office": "the office heard of",
    "somebody was told otherwise": "expected ('approved',), told ['approved', 'approved']",
    "a finding is not planted": "planted for reconciling",
}


@pytest.mark.journey
def test_good_and_bad_days_agree_in_the_end_and_every_falsification_is_named() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "tests.simulation.crooked_chain"],
        cwd=ROOT,
        env=own_environment(),
        capture_output=True,
        text=True,
        timeout=RUN_TIMEOUT_S,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    *report, last = ended.stdout.splitlines()
    said = json.loads(last)
    assert said.pop("nothing") == []
    assert {name for name, found in said.items() if not found} == set()
    unnamed = {name: said[name] for name, part in NAMED.items() if not any(part in one for one in said[name])}
    assert unnamed == {}
    assert any(one.startswith("ledger audit: ") for one in said["a balance is raised"])
    assert "Everything agrees: the journals, the batches, the plan, the ledger and its audit." in report
    assert "Everything agrees: the journals, the ledger and its audit." in report
    assert any(
        re.match(r"[1-9]\d* redeems by 2 terminals in .* a second, 50% within", line) for line in report
    )
    found = "1 advice_late_counter, 1 advice_shortfall, 1 card_forged, 1 card_key_wrong"
    assert f"Reconciling found {found}; planted: {found}." in report
    unplayed = {}
    for title in (*GOOD.values(), *PLANTED.values()):
        [line] = [line for line in report if line.startswith(title.ljust(36))]
        planned, as_planned = line[36:].split()[:2]
        if planned == "0" or planned != as_planned:
            unplayed[title] = line
    assert unplayed == {}
