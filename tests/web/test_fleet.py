"""The terminals in the office: how each is, why presentations fail, and what a manager may do."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from prepaid.settlement.fleet import watch_terminals
from prepaid.stores.attestation import list_approved, lock
from prepaid.stores.models import Terminal, TerminalFault, TerminalLock, TerminalReplacement
from tests.web.conftest import Desk, open_desk

PART = {"name": "scanner", "status": "NEEDS_ATTENTION", "code": "HW-SCN-03"}


@pytest.fixture
def manager(db: None) -> Desk:
    Terminal.objects.update(state="retired")
    return open_desk(role="manager")


def put(desk: Desk, **values: Any) -> None:
    Terminal.objects.filter(pk=desk.shop.terminal.pk).update(**values)


def page(desk: Desk, path: str = "/office/terminals", language: str = "en") -> str:
    client = desk.client()
    client.cookies["django_language"] = language
    return client.get(path).content.decode()


def own_path(desk: Desk) -> str:
    return f"/office/terminals/{desk.shop.terminal.pk}"


@pytest.mark.parametrize(
    ("fields", "word", "chinese"),
    [
        ({}, "Offline", "离线"),
        ({"last_seen_at": "now"}, "Available", "正常"),
        ({"last_seen_at": "long ago"}, "Offline", "离线"),
        ({"last_seen_at": "now", "components": [PART]}, "Needs attention", "需要处理"),
        ({"state": "locked", "last_seen_at": "now"}, "Locked", "已锁定"),
        ({"state": "standby", "last_seen_at": "now"}, "Standby", "备用"),
    ],
)
def test_a_terminal_is_told_in_one_word(
    manager: Desk, fields: dict[str, Any], word: str, chinese: str
) -> None:
    now = timezone.now()
    times = {"now": now, "long ago": now - timedelta(hours=1)}
    put(manager, **{name: times.get(str(value), value) for name, value in fields.items()})
    assert f">{word}</span>" in page(manager)
    assert f">{chinese}</span>" in page(manager, language="zh-hans")


def test_what_is_wrong_is_said_with_what_to_do(manager: Desk) -> None:
    put(manager, last_seen_at=timezone.now(), components=[PART])
    assert "Scan head fault: use the standby scanner" in page(manager)
    shown = page(manager, own_path(manager))
    assert "Plug in the standby scanner, and tell support." in shown
    assert "扫描头故障，请用备用机" in page(manager, own_path(manager), "zh-hans")


def test_unsent_transactions_are_added_up(manager: Desk) -> None:
    put(manager, last_seen_at=timezone.now(), queue_count=3, queue_amount_minor=36_50)
    assert "3 unsent" in page(manager)
    assert "¥36.50" in page(manager)


def test_faults_are_ranked_by_cause_operator_and_agent(manager: Desk) -> None:
    TerminalFault.objects.all().delete()
    now = timezone.now()
    for number, code in enumerate(["NFC-RF-01", "NFC-RF-01", "CODE-IMG-01"]):
        TerminalFault.objects.create(
            terminal=manager.shop.terminal,
            code=code,
            at=now - timedelta(minutes=number),
            operator="op-7",
            agent_version="0.1.0",
            detail="timeout",
        )
    by_cause = page(manager)
    assert by_cause.index("NFC-RF-01") < by_cause.index("CODE-IMG-01")
    assert "Hold the card still and tap again" in by_cause
    assert "67%" in by_cause
    assert "op-7" in page(manager, "/office/terminals?by=operator")
    assert "timeout" in by_cause


def test_alerts_are_shown_in_words(manager: Desk) -> None:
    put(manager, last_seen_at=timezone.now() - timedelta(hours=2))
    watch_terminals(timezone.now())
    assert "Terminal offline" in page(manager)
    assert "was last heard of 2 hours ago." in page(manager)
    assert "终端离线" in page(manager, language="zh-hans")


def test_a_manager_unlocks_with_a_reason(manager: Desk) -> None:
    terminal = manager.shop.terminal
    lock(terminal.pk, code="SW-TAMP-01", found="the files", at=timezone.now())
    assert "the files" in page(manager, own_path(manager))

    manager.client().post(f"{own_path(manager)}/unlock", {"note": " "})
    assert Terminal.objects.get(pk=terminal.pk).state == "locked"
    manager.client().post(f"{own_path(manager)}/unlock", {"note": "looked at it"})

    assert Terminal.objects.get(pk=terminal.pk).state == "active"
    assert TerminalLock.objects.get(terminal=terminal).unlocked_by == manager.staff.code


def test_a_manager_approves_what_a_terminal_told(manager: Desk) -> None:
    told = os.urandom(32).hex()
    manager.client().post(f"{own_path(manager)}/approve")
    assert list_approved("7.7") == []
    put(manager, agent_version="7.7", files_hash=f"{told}.{'0' * 32}")

    manager.client().post(f"{own_path(manager)}/approve")

    assert list_approved("7.7") == [told]
    assert "Approve this agent" not in page(manager, own_path(manager))


def test_a_manager_replaces_a_terminal_by_a_ready_standby_alone(manager: Desk) -> None:
    terminal, client = manager.shop.terminal, manager.client()
    spare = Terminal.objects.create(
        store=manager.shop.store,
        name="Spare",
        public_key=os.urandom(32),
        enrolled_at=timezone.now(),
        state="standby",
    )
    order = {"standby": str(spare.pk), "note": "the screen broke"}
    assert "not ready" in page(manager, own_path(manager))

    answer = client.post(f"{own_path(manager)}/promote", order, follow=True).content.decode()
    assert "BAK-01: Standby not ready" in answer
    assert not TerminalReplacement.objects.filter(failed=terminal).exists()
    client.post(f"{own_path(manager)}/promote", order | {"standby": "nonsense"})
    Terminal.objects.filter(pk=spare.pk).update(synchronised_at=timezone.now())
    client.post(f"{own_path(manager)}/promote", order)

    spare.refresh_from_db()
    assert (spare.name, spare.state) == ("T1", "active")
    assert "The standby took over as T1" in page(manager, own_path(manager))
    assert "Took over from T1 replaced" in page(manager, f"/office/terminals/{spare.pk}")


@pytest.mark.parametrize("action", ["unlock", "approve", "promote"])
def test_a_cashier_may_do_none_of_it(desk: Desk, action: str) -> None:
    put(desk, state="locked", files_hash="ab" * 32, agent_version="7.8")
    assert desk.client().post(f"{own_path(desk)}/{action}", {"note": "x"}).status_code == 403
    assert desk.client().get(own_path(desk)).status_code == 403
    assert Terminal.objects.get(pk=desk.shop.terminal.pk).state == "locked"
    assert list_approved("7.8") == []
