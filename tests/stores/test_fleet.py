"""The fleet: a status, parts, and a strip of 24 hours made of heartbeats."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from prepaid.stores.fleet import CELLS, list_strips, parts_of, status_of
from prepaid.stores.health import record_heartbeat
from prepaid.stores.models import Terminal, TerminalFault, TerminalPulse
from prepaid.stores.sweeping import sweep_terminals
from terminals import messages
from tests.shop import NOON, open_shop

pytestmark = pytest.mark.django_db


def part(name: str, code: str | None = None) -> messages.Component:
    return messages.Component(name=name, status="NEEDS_ATTENTION" if code else "AVAILABLE", code=code)


def beat(terminal: Terminal, at: datetime, *parts: messages.Component, **changed: Any) -> Terminal:
    values: dict[str, Any] = {
        "agent_version": "0.1.0",
        "clock": at,
        "queue": messages.QueueState(count=0, amount=0),
        "components": list(parts) or [part("application")],
    }
    record_heartbeat(terminal, messages.Heartbeat(**values | changed), at=at)
    return Terminal.objects.select_related("store").get(pk=terminal.pk)


@pytest.mark.parametrize(
    ("code", "silent_for", "status"),
    [
        (None, 0, "AVAILABLE"),
        ("HW-SCN-03", 0, "NEEDS_ATTENTION"),
        ("NET-SLOW-01", 0, "NEEDS_ATTENTION"),
        (None, 181, "OFFLINE"),
        ("HW-SCN-03", 181, "OFFLINE"),
    ],
)
def test_a_terminal_has_one_of_three_statuses(code: str | None, silent_for: int, status: str) -> None:
    terminal = beat(open_shop().terminal, NOON, part("scanner", code), part("application"))

    at = NOON + timedelta(seconds=silent_for)

    assert status_of(terminal, at) == status
    expected = "OFFLINE" if status == "OFFLINE" else "AVAILABLE"
    assert [each.name for each in parts_of(terminal, at)] == ["application", "scanner"]
    assert parts_of(terminal, at)[0].status == expected


def test_a_terminal_that_was_never_seen_is_offline_and_a_locked_one_wants_somebody() -> None:
    terminal = open_shop().terminal
    assert status_of(terminal, NOON) == "OFFLINE"
    terminal = beat(terminal, NOON)
    terminal.state = Terminal.State.LOCKED
    assert status_of(terminal, NOON) == "NEEDS_ATTENTION"


def test_heartbeats_of_five_minutes_are_one_row() -> None:
    terminal = open_shop().terminal
    for minute in range(7):
        beat(
            terminal,
            NOON + timedelta(minutes=minute),
            part("network", "NET-SLOW-01" if minute == 1 else None),
        )

    rows = TerminalPulse.objects.filter(terminal=terminal).order_by("slot")
    assert [(row.slot, row.beats, row.is_slow, row.needs_attention) for row in rows] == [
        (NOON, 5, True, False),
        (NOON + timedelta(minutes=5), 2, False, False),
    ]


def test_the_strip_tells_online_slow_attention_offline_and_what_was_before() -> None:
    terminal = open_shop().terminal
    begin = NOON - timedelta(hours=24) + timedelta(minutes=5)
    enrolled = begin + timedelta(hours=1)
    Terminal.objects.filter(pk=terminal.pk).update(enrolled_at=enrolled)
    terminal.refresh_from_db()
    fates = {2: None, 3: "NET-SLOW-01", 4: "HW-USB-01"}
    for cell, code in fates.items():
        for slot in range(6):
            name = "network" if code == "NET-SLOW-01" else "card_reader"
            beat(terminal, begin + timedelta(minutes=30 * cell + 5 * slot), part(name, code))

    strip = list_strips([terminal], NOON)[terminal.pk]

    assert len(strip.cells) == CELLS
    assert strip.cells[:6] == ["before", "before", "online", "slow", "attention", "offline"]
    assert set(strip.cells[5:]) == {"offline"}
    # 18 of the slots since it was enrolled, but for the one that has just begun.
    assert strip.online_share == 18 / 275


def test_one_missed_slot_of_six_leaves_half_an_hour_online_and_three_do_not() -> None:
    terminal = open_shop().terminal
    Terminal.objects.filter(pk=terminal.pk).update(enrolled_at=NOON - timedelta(days=2))
    terminal.refresh_from_db()
    begin = NOON - timedelta(hours=24) + timedelta(minutes=5)
    for cell, missed in ((0, 1), (1, 3)):
        for slot in range(6 - missed):
            beat(terminal, begin + timedelta(minutes=30 * cell + 5 * slot))

    assert list_strips([terminal], NOON)[terminal.pk].cells[:2] == ["online", "offline"]


def test_old_heartbeats_and_faults_are_swept_and_young_ones_stay() -> None:
    terminal = open_shop().terminal
    for days in (1, 3):
        beat(terminal, NOON - timedelta(days=days))
    for days in (119, 121):
        TerminalFault.objects.create(terminal=terminal, code="NFC-RF-01", at=NOON - timedelta(days=days))

    sweep_terminals(NOON)

    assert TerminalPulse.objects.filter(terminal=terminal).count() == 1
    assert TerminalFault.objects.filter(terminal=terminal).count() == 1


def test_the_five_minutes_that_have_just_begun_are_not_silent(db: None) -> None:
    terminal = open_shop().terminal
    Terminal.objects.filter(pk=terminal.pk).update(enrolled_at=NOON - timedelta(minutes=10))
    terminal.refresh_from_db()
    for minutes in (10, 5):
        beat(terminal, NOON - timedelta(minutes=minutes))

    strip = list_strips([terminal], NOON)[terminal.pk]

    assert strip.online_share == 1
    assert strip.cells[-1] == "online"
