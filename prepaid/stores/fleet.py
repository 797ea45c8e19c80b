"""How the terminals are, for whoever looks after them: a status, each part of them, and the last 24 hours.

Knows heartbeats; must not know screens, languages or who is told.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from prepaid.stores.health import SLOT, slot_of
from prepaid.stores.models import Terminal, TerminalPulse
from terminals.faults import cause_of

Status = Literal["AVAILABLE", "NEEDS_ATTENTION", "OFFLINE"]
Cell = Literal["online", "slow", "attention", "offline", "before"]
# A heartbeat comes every minute: three missed ones are worth a look.
SILENT_AFTER = timedelta(minutes=3)
HOURS = 24
CELLS = 48
SLOTS_PER_CELL = HOURS * 12 // CELLS
COMPONENTS = ("application", "card_reader", "scanner", "printer", "network", "power", "clock", "queue")


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a terminal as it was told last."""

    name: str
    status: Status
    code: str


@dataclass(frozen=True, slots=True)
class Strip:
    """The last 24 hours in half hours, oldest first, and the share of them that a terminal was heard of."""

    cells: list[Cell]
    online_share: float | None


def status_of(terminal: Terminal, at: datetime) -> Status:
    """Tell how a terminal is: silent, in want of somebody, or well."""
    if terminal.last_seen_at is None or at - terminal.last_seen_at > SILENT_AFTER:
        return "OFFLINE"
    if terminal.state == Terminal.State.LOCKED:
        return "NEEDS_ATTENTION"
    attention = any(part.status != "AVAILABLE" for part in parts_of(terminal, at))
    return "NEEDS_ATTENTION" if attention else "AVAILABLE"


def parts_of(terminal: Terminal, at: datetime) -> list[Part]:
    """List the parts that a terminal told of, in a fixed order; all are offline while it is silent."""
    silent = terminal.last_seen_at is None or at - terminal.last_seen_at > SILENT_AFTER
    told = {str(part.get("name")): part for part in terminal.components}
    names = [name for name in COMPONENTS if name in told] + sorted(set(told) - set(COMPONENTS))
    parts = []
    for name in names:
        code = str(told[name].get("code") or "")
        is_well = told[name].get("status") == "AVAILABLE" and not _is_serious(code)
        status: Status = "OFFLINE" if silent else "AVAILABLE" if is_well else "NEEDS_ATTENTION"
        parts.append(Part(name, status, code))
    return parts


def list_strips(terminals: Sequence[Terminal], at: datetime) -> dict[UUID, Strip]:
    """Draw the last 24 hours of each terminal, in one query."""
    end = slot_of(at) + SLOT
    begin = end - timedelta(hours=HOURS)
    pulses: dict[UUID, dict[datetime, TerminalPulse]] = defaultdict(dict)
    for pulse in TerminalPulse.objects.filter(slot__gte=begin, terminal__in=[each.pk for each in terminals]):
        pulses[pulse.terminal_id][pulse.slot] = pulse
    return {each.pk: _strip(each, pulses[each.pk], begin) for each in terminals}


def _strip(terminal: Terminal, pulses: dict[datetime, TerminalPulse], begin: datetime) -> Strip:
    slots = [begin + SLOT * number for number in range(CELLS * SLOTS_PER_CELL)]
    first = slot_of(terminal.enrolled_at)
    # The five minutes that have just begun are not silent yet.
    lived = [slot for slot in slots if slot >= first and (slot in pulses or slot != slots[-1])]
    cells: list[Cell] = []
    for number in range(CELLS):
        of_cell = [slot for slot in slots[number * SLOTS_PER_CELL :][:SLOTS_PER_CELL] if slot in lived]
        cells.append(_cell([pulses.get(slot) for slot in of_cell]))
    heard = sum(slot in pulses for slot in lived)
    return Strip(cells=cells, online_share=heard / len(lived) if lived else None)


def _cell(pulses: list[TerminalPulse | None]) -> Cell:
    """Sum half an hour up by the worst that is worth a look: one silent slot of six is not."""
    if not pulses:
        return "before"
    heard = [pulse for pulse in pulses if pulse is not None]
    if len(pulses) - len(heard) > max(1, len(pulses) // 3):
        return "offline"
    if not heard:
        return "offline"
    if any(pulse.needs_attention for pulse in heard):
        return "attention"
    return "slow" if any(pulse.is_slow for pulse in heard) else "online"


def _is_serious(code: str) -> bool:
    return bool(code) and cause_of(code).severity >= 2
