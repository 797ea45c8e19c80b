from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from terminals.lock import AgentLock
from terminals.state import StateFolder
from tests.terminals.conftest import ROOT, Agent
from tests.terminals.recording_site import RecordingSite

CARD = ("--number", "8600123456789012", "--pin", "493817")


def test_enrolment_keeps_the_key_to_this_user_and_tells_the_store(
    site: RecordingSite, tmp_path: Path
) -> None:
    agent = Agent(StateFolder(tmp_path / "new"))
    code, shown = agent.json("enrol", "--site", site.address, "--code", "X", "--reader", "udp:127.0.0.1:9")
    assert (code, shown["name"], shown["currency"], shown["reader"]) == (
        0,
        "Till 1",
        "CNY",
        "udp:127.0.0.1:9",
    )
    assert stat.S_IMODE(agent.folder.key_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(agent.folder.path.stat().st_mode) == 0o700
    assert agent.run("balance", *CARD).returncode == 0


def test_a_refused_enrolment_leaves_nothing_enrolled(site: RecordingSite, tmp_path: Path) -> None:
    agent = Agent(StateFolder(tmp_path / "new"))
    site.fates.append("403:enrolment_refused")
    code, shown = agent.json("enrol", "--site", site.address, "--code", "X")
    assert (code, shown["code"], shown["money_moved"]) == (7, "enrolment_refused", "no")
    assert not agent.folder.is_enrolled()


def test_a_redeem_prints_one_object_with_minor_units(agent: Agent, site: RecordingSite) -> None:
    code, sale = agent.json("redeem", "--amount", "12.50", *CARD)
    assert code == 0
    assert (sale["outcome"], sale["amount"], sale["approved_amount"], sale["balance"]) == (
        "approved",
        1250,
        1250,
        98_750,
    )
    assert (sale["money_moved"], sale["code"], sale["message"]) == (
        "yes",
        None,
        {"en": "Approved", "zh": "成功"},
    )
    assert sale["id"] in site.answers
    assert len(sale["rrn"]) == 12


def test_a_decline_exits_1_and_says_that_nothing_moved(agent: Agent, site: RecordingSite) -> None:
    site.decline = "insufficient_funds"
    code, sale = agent.json("redeem", "--amount", "12.50", *CARD)
    assert (code, sale["outcome"], sale["code"], sale["money_moved"]) == (
        1,
        "declined",
        "insufficient_funds",
        "no",
    )


@pytest.mark.parametrize("amount", ["12.505", "-3", "0", "1e3", "ten"])
def test_what_is_no_amount_exits_2_and_calls_nobody(agent: Agent, site: RecordingSite, amount: str) -> None:
    ended = agent.run("redeem", f"--amount={amount}", *CARD, "--json")
    assert ended.returncode == 2
    assert site.calls == []


def test_an_unknown_outcome_exits_3_and_stays_in_the_queue(agent: Agent, site: RecordingSite) -> None:
    site.fates.extend(["cut"] * 4)
    code, sale = agent.json("redeem", "--amount", "12.50", *CARD)
    assert (code, sale["outcome"], sale["money_moved"], sale["code"]) == (
        3,
        "unknown",
        "unknown",
        "NET-SRV-01",
    )
    _, queue = agent.json("queue")
    assert (queue["count"], queue["amount"], queue["entries"][0]["id"]) == (1, 1250, sale["id"])
    code, queue = agent.json("queue", "--resolve")
    assert (code, queue["count"], queue["resolved"][0]["outcome"]) == (0, 0, "approved")
    assert len(site.postings) == 1


def test_a_queue_that_cannot_be_resolved_exits_3(agent: Agent, site: RecordingSite) -> None:
    site.fates.extend(["lost"] * 5)
    agent.json("redeem", "--amount", "12.50", *CARD)
    code, queue = agent.json("queue", "--resolve")
    assert (code, queue["count"], queue["resolved"]) == (3, 1, [])


def test_a_site_that_is_not_there_exits_6_and_nothing_is_kept_as_a_sale(
    agent: Agent, site: RecordingSite
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        enrolment = agent.folder.enrolment_file
        text = enrolment.read_text()
        enrolment.write_text(text.replace(str(site.port), str(closed.getsockname()[1])))
        code, sale = agent.json("redeem", "--amount", "12.50", *CARD)
        assert (code, sale["outcome"], sale["code"], sale["money_moved"]) == (
            6,
            "not_sent",
            "NET-SRV-01",
            "no",
        )
    enrolment.write_text(text)
    agent.json("queue", "--resolve")
    assert site.balance == 100_000
    assert sorted(site.sequences) == [1, 2]


def test_a_terminal_that_is_not_enrolled_exits_7(tmp_path: Path) -> None:
    code, shown = Agent(StateFolder(tmp_path / "none")).json("redeem", "--amount", "1", *CARD)
    assert (code, shown["code"], shown["money_moved"]) == (7, "SW-ENROL-01", "no")


def test_a_terminal_that_another_agent_drives_exits_7(agent: Agent, site: RecordingSite) -> None:
    with AgentLock(agent.folder, "interactive"):
        code, shown = agent.json("redeem", "--amount", "1", *CARD)
    assert (code, shown["code"]) == (7, "SW-LOCK-01")
    assert site.calls == []


def test_a_locked_or_retired_terminal_exits_7_for_a_balance(agent: Agent, site: RecordingSite) -> None:
    site.fates.append("403:terminal_retired")
    code, shown = agent.json("balance", *CARD)
    assert (code, shown["code"], shown["fix"]) == (7, "terminal_retired", "manager")


def test_a_reader_that_cannot_be_opened_exits_5(agent: Agent, site: RecordingSite) -> None:
    code, shown = agent.json("redeem", "--amount", "1", "--reader", "nonsense:0")
    assert (code, shown["code"], shown["money_moved"]) == (5, "HW-DRV-01", "no")
    assert site.sent() == []


def test_a_partial_redeem_says_so_to_the_site(agent: Agent, site: RecordingSite) -> None:
    agent.json("redeem", "--amount", "5", "--partial", *CARD)
    assert json.loads(site.sent()[0].body)["allow_partial"] is True


def test_a_load_tells_its_tender(agent: Agent, site: RecordingSite) -> None:
    code, load = agent.json("load", "--amount", "100.00", "--tender", "bank_card", "--reference", "77", *CARD)
    assert (code, load["balance"]) == (0, 110_000)
    assert json.loads(site.sent()[0].body)["tender"] == {"type": "bank_card", "reference": "77"}


def test_a_floor_that_is_new_is_learned_when_a_card_was_refused(agent: Agent, site: RecordingSite) -> None:
    site.floor, site.decline = 1_000, "credential_refused"

    agent.run("redeem", "--amount", "12.50", *CARD)

    assert agent.folder.enrolment().policy["challenge_floor"] == 1_000


@pytest.mark.parametrize("shown", [("--number", "8600123456789012"), ("--code", "87001234567890123458")])
def test_a_pin_can_come_from_standard_input(
    agent: Agent, site: RecordingSite, shown: tuple[str, str]
) -> None:
    words = ["redeem", "--amount", "1", *shown, "--pin", "-", "--state", str(agent.folder.path)]
    command = [sys.executable, "-m", "terminals", *words]
    assert (
        subprocess.run(command, input=b"493817\n", cwd=ROOT, capture_output=True, check=False).returncode == 0
    )
    assert json.loads(site.sent()[0].body)["card"]["pin"] == "493817"


def test_a_terminal_that_only_obeys_commands_is_heard_of_once_a_minute(
    agent: Agent, site: RecordingSite
) -> None:
    agent.run("redeem", "--amount", "1", "--qr", "1")
    for amount in ("1", "2"):
        agent.run("redeem", "--amount", amount, *CARD)

    [heartbeat] = site.heartbeats
    assert [(fault["code"], fault["entry"]) for fault in heartbeat["faults"]] == [("CODE-CHK-01", "keyed")]
    assert heartbeat["files_hash"]


def test_a_sale_is_voided_by_its_reference(agent: Agent, site: RecordingSite) -> None:
    _, sale = agent.json("redeem", "--amount", "12.50", *CARD)
    agent.json("redeem", "--amount", "1", *CARD)
    code, void = agent.json("void", "--rrn", sale["rrn"].lower())
    assert (code, void["type"], void["balance"]) == (0, "void", 99_900)
    assert json.loads(site.sent()[-1].body)["original"] == sale["id"]


def test_the_export_shows_every_entry_and_no_secret(agent: Agent) -> None:
    agent.json("redeem", "--amount", "12.50", *CARD)
    agent.json("redeem", "--amount", "1", "--qr", "87001234567890123458")
    ended = agent.run("queue", "--export")
    lines = [json.loads(line) for line in ended.stdout.splitlines()]
    assert [(line["sequence"], line["state"], line["answer"]["outcome"]) for line in lines] == [
        (1, "answered", "approved"),
        (2, "answered", "approved"),
    ]
    for secret in ("8600123456789012", "493817", "87001234567890123458"):
        assert secret not in ended.stdout
        assert secret.encode() not in agent.folder.journal_file.read_bytes()


def test_closing_tells_totals_and_an_empty_batch_is_nothing_to_do(agent: Agent, site: RecordingSite) -> None:
    agent.json("redeem", "--amount", "12.50", *CARD)
    code, closed = agent.json("close")
    assert (code, closed["balanced"], closed["totals"]) == (0, True, {"redeem": {"count": 1, "amount": 1250}})
    code, nothing = agent.json("close")
    assert (code, nothing["code"]) == (0, "nothing_to_close")


def test_a_batch_that_differs_exits_1(agent: Agent, site: RecordingSite) -> None:
    site.fates.append("400:malformed")
    agent.json("redeem", "--amount", "12.50", *CARD)
    code, closed = agent.json("close")
    assert (code, closed["missing_sequences"]) == (1, [1])


def test_the_receipt_is_printed_in_the_language_asked_for(agent: Agent) -> None:
    ended = agent.run("redeem", "--amount", "12.50", "--lang", "zh", *CARD)
    assert "交易成功" in ended.stdout
    assert "CNY 987.50" in ended.stdout
    assert "•••• 1234" in ended.stdout


def test_help_tells_every_exit_code(agent: Agent) -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "terminals", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert [line.split()[0] for line in shown.partition("exit codes:")[2].splitlines()[1:]] == list(
        "01234567"
    )


def test_a_headless_agent_gives_way_to_a_command_and_ends_well(agent: Agent, site: RecordingSite) -> None:
    words = [sys.executable, "-m", "terminals", "run", "--headless", "--state", str(agent.folder.path)]
    headless = subprocess.Popen(words, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    assert headless.stderr is not None
    try:
        while "started terminal" not in headless.stderr.readline():
            assert headless.poll() is None
        code, sale = agent.json("redeem", "--amount", "12.50", *CARD)
        assert (code, sale["outcome"]) == (0, "approved")
        assert headless.wait(30) == 0
    finally:
        headless.kill()
        headless.wait()
        headless.stderr.close()


def test_a_headless_agent_ends_on_sigterm_and_leaves_the_lock(agent: Agent, site: RecordingSite) -> None:
    words = [sys.executable, "-m", "terminals", "run", "--headless", "--state", str(agent.folder.path)]
    headless = subprocess.Popen(words, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    assert headless.stderr is not None
    try:
        while not site.heartbeats:
            assert headless.poll() is None
            time.sleep(0.01)
        os.kill(headless.pid, signal.SIGTERM)
        assert headless.wait(30) == 0
        with AgentLock(agent.folder, "interactive"):
            assert site.heartbeats[0]["queue"]["count"] == 0
    finally:
        headless.kill()
        headless.wait()
        headless.stderr.close()


def test_a_visit_is_redeemed_and_a_pass_loaded_at_its_price(agent: Agent, site: RecordingSite) -> None:
    unit = ("--currency", "XVS")
    code, spent = agent.json("redeem", "--amount", "1", *unit, *CARD)
    assert (code, spent["currency"], spent["approved_amount"]) == (0, "XVS", 1)
    agent.json("load", "--amount", "10", "--price", "300", *unit, *CARD)

    redeem, load = (json.loads(one.body) for one in site.sent())
    assert (redeem["amount"], redeem["currency"]) == (1, "XVS")
    assert (load["amount"], load["tender"]) == (10, {"type": "cash", "price": 30_000})
    code, refused = agent.json("redeem", "--amount", "1.5", *unit, *CARD)
    assert code not in (0, 2) or refused
