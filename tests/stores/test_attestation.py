"""Agents: an approved hash, a change that locks the terminal, and a manager who unlocks it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from prepaid.stores.attestation import approve_agent, list_approved, lock, unlock
from prepaid.stores.errors import UnlockRefused
from prepaid.stores.health import record_heartbeat
from prepaid.stores.models import Terminal, TerminalLock
from prepaid.stores.policy import policy_of
from terminals import messages
from tests.shop import NOON, open_shop, together

FILES, OTHER = "ab" * 32, "cd" * 32
SETTINGS = "12" * 16
LATER = NOON + timedelta(minutes=1)


def beat(terminal: Terminal, told: str | None, *, version: str = "9.1", **changed: Any) -> bool:
    """Tell a heartbeat and say whether it was answered with a lock."""
    heartbeat = messages.Heartbeat(
        agent_version=version, files_hash=told, clock=NOON, queue=messages.QueueState(count=0, amount=0)
    )
    current = Terminal.objects.select_related("store").get(pk=terminal.pk)
    return record_heartbeat(current, heartbeat, **{"at": NOON} | changed).locked


def state_of(terminal: Terminal) -> str:
    return Terminal.objects.get(pk=terminal.pk).state


@pytest.mark.django_db
def test_every_agent_may_work_until_one_of_its_version_is_approved() -> None:
    terminal = open_shop().terminal

    assert not beat(terminal, f"{FILES}.{SETTINGS}")
    assert not beat(terminal, f"{OTHER}.{SETTINGS}")
    policy = policy_of(Terminal.objects.get(pk=terminal.pk), at=NOON)
    assert policy["approved_files_hashes"] == []


@pytest.mark.django_db
@pytest.mark.parametrize("told", [f"{OTHER}.{SETTINGS}", OTHER, "", None])
def test_files_that_nobody_approved_lock_the_terminal(told: str | None) -> None:
    terminal = open_shop().terminal
    approve_agent("9.1", f"{FILES}.{SETTINGS}", actor="m-1", at=NOON)

    assert not beat(terminal, f"{FILES}.{SETTINGS}")
    assert beat(terminal, told, at=LATER)

    assert state_of(terminal) == "locked"
    held = TerminalLock.objects.get(terminal=terminal)
    assert (held.code, held.at, held.unlocked_at) == ("SW-TAMP-01", LATER, None)
    assert held.found.startswith("the files of agent 9.1 are not approved")


@pytest.mark.django_db
def test_another_version_is_not_judged_by_this_ones_files() -> None:
    terminal = open_shop().terminal
    approve_agent("9.1", FILES, actor="m-1", at=NOON)

    assert not beat(terminal, f"{OTHER}.{SETTINGS}", version="9.2")


@pytest.mark.django_db
def test_settings_other_than_those_told_first_lock_the_terminal() -> None:
    terminal = open_shop().terminal
    assert not beat(terminal, f"{FILES}.{SETTINGS}")

    assert beat(terminal, f"{FILES}.{'34' * 16}", at=LATER)

    assert TerminalLock.objects.get(terminal=terminal).found.startswith("the settings are not those")


@pytest.mark.django_db
def test_a_manager_unlocks_with_a_reason_and_the_settings_are_right_from_then_on() -> None:
    terminal = open_shop().terminal
    beat(terminal, f"{FILES}.{SETTINGS}")
    beat(terminal, f"{FILES}.{'34' * 16}", at=LATER)

    with pytest.raises(UnlockRefused):
        unlock(terminal.pk, actor="m-1", note="  ", at=LATER)
    assert state_of(terminal) == "locked"
    unlock(terminal.pk, actor="m-1", note="the reader was exchanged", at=LATER)

    assert state_of(terminal) == "active"
    held = TerminalLock.objects.get(terminal=terminal)
    assert (held.unlocked_by, held.note, held.unlocked_at) == ("m-1", "the reader was exchanged", LATER)
    assert not beat(terminal, f"{FILES}.{'34' * 16}", at=LATER + timedelta(minutes=1))
    with pytest.raises(UnlockRefused):
        unlock(terminal.pk, actor="m-1", note="again", at=LATER)


@pytest.mark.django_db
def test_files_that_are_still_not_approved_are_not_unlocked() -> None:
    terminal = open_shop().terminal
    approve_agent("9.1", FILES, actor="m-1", at=NOON)
    beat(terminal, OTHER)

    with pytest.raises(UnlockRefused):
        unlock(terminal.pk, actor="m-1", note="looks fine", at=LATER)
    assert state_of(terminal) == "locked"

    approve_agent("9.1", OTHER, actor="m-1", at=LATER)
    approve_agent("9.1", OTHER, actor="m-2", at=LATER)
    unlock(terminal.pk, actor="m-1", note="a hotfix", at=LATER)
    assert state_of(terminal) == "active"
    assert list_approved("9.1") == [FILES, OTHER]


@pytest.mark.django_db
def test_a_standby_is_a_standby_again_when_it_is_unlocked() -> None:
    terminal = open_shop().terminal
    Terminal.objects.filter(pk=terminal.pk).update(state="standby")
    assert lock(terminal.pk, code="SW-TAMP-01", found="x", at=NOON)

    unlock(terminal.pk, actor="m-1", note="looked at", at=LATER)

    assert state_of(terminal) == "standby"


@pytest.mark.race
def test_two_heartbeats_at_once_lock_once(committed_db: None) -> None:
    terminal = open_shop().terminal
    calls: list[Any] = [lambda: lock(terminal.pk, code="SW-TAMP-01", found="x", at=NOON)] * 6

    assert sorted(map(str, together(calls))) == ["False"] * 5 + ["True"]
    assert TerminalLock.objects.filter(terminal=terminal).count() == 1
    assert state_of(terminal) == "locked"
