"""Blank to payment with the real agent: command line, nfcpy over UDP, a simulator process, a real server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.utils import timezone

from prepaid.cards.models import Program, Proof
from prepaid.stored_value.issue import IssuedCard
from prepaid.stores.enrolment import create_code
from prepaid.stores.models import Terminal
from tests.api.conftest import Till
from tests.cardtable import chip_of, fresh_idm, fresh_uid
from tests.shop import assert_ledger_is_clean, open_shop
from tests.terminals.test_readers_udp import Simulator
from tests.web.conftest import Server

ROOT = Path(__file__).resolve().parents[2]
NTAG, FELICA, MEMORY = 1, 2, 3


@pytest.fixture
def site(committed_db: None) -> Iterator[str]:
    """A server of its own on the committed database."""
    thread = Server("127.0.0.1", StaticFilesHandler)
    thread.daemon = True
    thread.start()
    thread.is_ready.wait()
    assert thread.error is None
    yield f"http://127.0.0.1:{thread.port}"
    thread.terminate()


@dataclass
class Counter:
    """A shop, its agent's command line, and a hand that lays cards on the reader."""

    till: Till
    simulator: Simulator
    state: Path

    def run(self, *words: str) -> tuple[int, dict[str, Any]]:
        """Run a command of the agent; its exit code and what it told return."""
        ended = subprocess.run(
            [sys.executable, "-m", "terminals", *words, "--json", "--state", str(self.state)],
            capture_output=True,
            text=True,
            cwd=ROOT,
            env=os.environ | {"LANG": "C.UTF-8"},
            timeout=120,
            check=False,
        )
        assert "Traceback" not in ended.stderr, ended.stderr
        return ended.returncode, json.loads(ended.stdout)

    def lay(self, card: int) -> None:
        self.simulator.order("away")
        self.simulator.order(f"tap {card}")

    def personalise(self, card: int, issued: IssuedCard) -> tuple[int, dict[str, Any]]:
        assert issued.number is not None
        self.lay(card)
        return self.run("personalise", "--card", issued.number, "--reader", self.simulator.path)

    def redeem(self, card: int, amount: str) -> tuple[int, dict[str, Any]]:
        self.lay(card)
        return self.run("redeem", "--amount", amount, "--reader", self.simulator.path)

    def restart_simulator(self) -> None:
        self.simulator.end()
        self.simulator = Simulator(self.simulator.cards.parent)


@pytest.fixture
def counter(site: str, tmp_path: Path) -> Iterator[Counter]:
    terms = ["number", "sun", "qr", "challenge"]
    till = Till(shop=open_shop(allowed_credentials=terms))
    cards = [
        {"card": NTAG, "technology": "ntag424", "uid": fresh_uid()},
        {"card": FELICA, "technology": "felica_lite_s", "uid": fresh_idm()},
        {"card": MEMORY, "technology": "ntag215", "uid": fresh_uid()},
    ]
    (tmp_path / "cards.json").write_text(json.dumps(cards))
    made = Counter(till, Simulator(tmp_path), tmp_path / "state")
    code, _ = create_code(till.shop.store, at=timezone.now())
    assert made.run("enrol", "--site", site, "--code", code, "--reader", made.simulator.path)[0] == 0
    yield made
    made.simulator.end()


def test_blank_is_personalised_and_pays_by_message_by_challenge_and_after_a_restart(counter: Counter) -> None:
    issued = counter.till.issue(balance=10_000)

    code, told = counter.personalise(NTAG, issued)

    assert (code, told["outcome"], told["key_version"]) == (0, "approved", 1), told
    assert told["card"]["number_masked"] == issued.card.number_masked
    assert counter.redeem(NTAG, "12.50")[1]["balance"] == 8750
    Program.objects.filter(pk=counter.till.shop.program.pk).update(challenge_above=1000)
    code, told = counter.redeem(NTAG, "12.50")
    if told["code"] == "credential_refused":
        # The floor is new to this terminal, and the refusal taught it.
        code, told = counter.redeem(NTAG, "12.50")
    assert (code, told["balance"]) == (0, 7500), told
    terminal = Terminal.objects.exclude(pk=counter.till.shop.terminal.pk).get(store=counter.till.shop.store)
    # Other shops of the same database have floors too, so an earlier payment may have been proved as well.
    assert told["id"] in {str(proof.used_by) for proof in Proof.objects.filter(terminal_id=terminal.id)}
    counter.restart_simulator()
    assert counter.redeem(NTAG, "10.01")[1]["balance"] == 6499
    code, told = counter.personalise(NTAG, issued)
    assert (code, told["code"]) == (1, "already_bound"), told
    assert_ledger_is_clean()


def test_felica_is_personalised_and_pays_by_challenge_alone(counter: Counter) -> None:
    issued = counter.till.issue(balance=10_000)

    assert counter.personalise(FELICA, issued)[0] == 0

    chip = chip_of(issued.card.id)
    assert chip is not None
    assert chip.method == "challenge"
    code, told = counter.redeem(FELICA, "12.50")
    assert (code, told["balance"]) == (0, 8750), told
    counter.lay(FELICA)
    assert counter.run("balance", "--reader", counter.simulator.path)[1]["balance"] == 8750


def test_memory_tag_is_refused_by_the_agent(counter: Counter) -> None:
    code, told = counter.personalise(MEMORY, counter.till.issue())

    assert (code, told["code"], told["money_moved"]) == (5, "NFC-CARD-01", "no")
