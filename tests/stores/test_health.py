"""Heartbeats: what a terminal tells of itself is kept, once, and answered."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from prepaid.stores.health import record_heartbeat
from prepaid.stores.models import Terminal, TerminalFault
from prepaid.stores.policy import MINIMUM_AGENT_VERSION, POLICY_VERSION, policy_of
from terminals import messages
from tests.shop import NOON, open_shop

pytestmark = pytest.mark.django_db
FAULT = messages.Fault(code="NFC-CARD-02", at=NOON, entry="tap", operator="op-1", detail="no answer")


def heartbeat(**changed: Any) -> messages.Heartbeat:
    values: dict[str, Any] = {
        "agent_version": "0.1.0",
        "files_hash": "ab" * 32,
        "clock": NOON + timedelta(milliseconds=1_250),
        "queue": messages.QueueState(count=2, amount=3_650, oldest_at=NOON - timedelta(hours=1)),
        "components": [messages.Component(name="reader", status="failed", code="NFC-USB-01")],
    }
    return messages.Heartbeat(**values | changed)


def test_heartbeat_is_kept() -> None:
    terminal = open_shop().terminal

    record_heartbeat(terminal, heartbeat(), at=NOON)

    kept = Terminal.objects.get(pk=terminal.pk)
    assert (kept.agent_version, kept.files_hash, kept.last_seen_at) == ("0.1.0", "ab" * 32, NOON)
    assert kept.clock_offset_ms == 1_250
    assert (kept.queue_count, kept.queue_amount_minor) == (2, 3_650)
    assert kept.queue_oldest_at == NOON - timedelta(hours=1)
    assert kept.components == [{"name": "reader", "status": "failed", "code": "NFC-USB-01"}]


def test_heartbeat_is_answered_with_what_a_terminal_should_know() -> None:
    answer = record_heartbeat(open_shop().terminal, heartbeat(), at=NOON)

    assert answer == messages.HeartbeatAnswer(
        server_time=NOON,
        policy_version=POLICY_VERSION,
        hot_list_version=0,
        minimum_agent_version=MINIMUM_AGENT_VERSION,
        locked=False,
        message=None,
        name="T1",
        standby=False,
    )


def test_locked_terminal_is_told_so_in_both_languages() -> None:
    terminal = open_shop().terminal
    terminal.state = Terminal.State.LOCKED

    answer = record_heartbeat(terminal, heartbeat(), at=NOON)

    assert answer.locked
    assert answer.message is not None
    assert answer.message.en.startswith("This terminal is locked.")
    assert answer.message.zh.startswith("本终端已锁定")


def test_fault_told_twice_is_kept_once() -> None:
    terminal = open_shop().terminal

    record_heartbeat(terminal, heartbeat(faults=[FAULT]), at=NOON)
    record_heartbeat(terminal, heartbeat(faults=[FAULT, FAULT]), at=NOON + timedelta(minutes=1))

    kept = TerminalFault.objects.get(terminal=terminal)
    assert (kept.code, kept.at, kept.entry, kept.operator, kept.detail) == (
        "NFC-CARD-02",
        NOON,
        "tap",
        "op-1",
        "no answer",
    )


def test_heartbeat_overtaken_by_a_later_one_changes_nothing_but_its_faults() -> None:
    terminal = open_shop().terminal
    record_heartbeat(terminal, heartbeat(agent_version="0.2.0"), at=NOON)

    late = heartbeat(agent_version="0.1.0", faults=[FAULT])
    record_heartbeat(terminal, late, at=NOON - timedelta(minutes=1))

    kept = Terminal.objects.get(pk=terminal.pk)
    assert (kept.agent_version, kept.last_seen_at) == ("0.2.0", NOON)
    assert TerminalFault.objects.filter(terminal=terminal).count() == 1


def test_heartbeat_of_one_terminal_leaves_others_alone() -> None:
    one, other = open_shop().terminal, open_shop().terminal

    record_heartbeat(one, heartbeat(), at=NOON)

    assert Terminal.objects.get(pk=other.pk).last_seen_at is None


def test_policy_lets_a_terminal_approve_nothing_by_itself() -> None:
    assert policy_of(open_shop().terminal, at=NOON) == {
        "version": 1,
        "currency": "CNY",
        "stand_in": {
            "enabled": False,
            "per_transaction": 0,
            "per_card": 0,
            "per_terminal": 0,
            "count": 0,
            "age_s": 0,
        },
        "challenge_floor": None,
        "minimum_agent_version": "0.1.0",
        "approved_files_hashes": [],
    }
