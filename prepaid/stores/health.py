"""How terminals are: what each tells of itself every minute or so.

Knows heartbeats and faults; must not know how they travelled.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec
from django.db import connection

from prepaid.stores.attestation import TAMPERED, find_change, lock
from prepaid.stores.models import Terminal, TerminalFault
from prepaid.stores.policy import MINIMUM_AGENT_VERSION, policy_version_of
from prepaid.stores.standby import see_synchronised
from terminals import messages

SLOT = timedelta(minutes=5)
LOCKED = messages.Texts(
    en="This terminal is locked. Take no cards with it; call the manager.",
    zh="本终端已锁定，请勿受理卡片，并联系经理。",
)
STANDBY = messages.Texts(
    en="This terminal is a standby. It sells as soon as a manager has promoted it.",
    zh="本终端为备用机，经理启用后方可使用。",
)
SLOW = "NET-SLOW-01"


def record_heartbeat(
    terminal: Terminal, heartbeat: messages.Heartbeat, *, hot_list_version: int = 0, at: datetime
) -> messages.HeartbeatAnswer:
    """Keep what a terminal tells of itself and answer what it should know; a fault told twice is kept once.

    A heartbeat that was overtaken by a later one changes nothing but its faults. An agent that is not the
    approved one locks its terminal. `hot_list_version` is the one that the site has now.
    """
    faults = [_fault(terminal, told, heartbeat.agent_version) for told in heartbeat.faults]
    TerminalFault.objects.bulk_create(faults, ignore_conflicts=True)
    if _is_newest(terminal, heartbeat, at):
        _record_pulse(terminal, heartbeat, at)
        see_synchronised(terminal, hot_list_version=hot_list_version, at=at)
        found = find_change(terminal, version=heartbeat.agent_version, told=heartbeat.files_hash or "")
        if found and lock(terminal.pk, code=TAMPERED, found=found, at=at):
            terminal.state = Terminal.State.LOCKED
    is_locked = terminal.state == Terminal.State.LOCKED
    is_standby = terminal.state == Terminal.State.STANDBY
    return messages.HeartbeatAnswer(
        server_time=at,
        policy_version=policy_version_of(terminal),
        hot_list_version=hot_list_version,
        minimum_agent_version=MINIMUM_AGENT_VERSION,
        locked=is_locked,
        message=LOCKED if is_locked else STANDBY if is_standby else None,
        name=terminal.name,
        standby=is_standby,
    )


def _is_newest(terminal: Terminal, heartbeat: messages.Heartbeat, at: datetime) -> bool:
    """Keep what is told, unless a later heartbeat was here first; say whether it was kept."""
    kept = (
        Terminal.objects.filter(pk=terminal.pk)
        .exclude(last_seen_at__gt=at)
        .update(
            agent_version=heartbeat.agent_version,
            files_hash=heartbeat.files_hash or "",
            last_seen_at=at,
            clock_offset_ms=round((heartbeat.clock - at).total_seconds() * 1000),
            queue_count=heartbeat.queue.count,
            queue_amount_minor=heartbeat.queue.amount,
            queue_oldest_at=heartbeat.queue.oldest_at,
            components=msgspec.to_builtins(heartbeat.components),
            policy_version=heartbeat.policy_version or 0,
            hot_list_version=heartbeat.hot_list_version or 0,
        )
    )
    return kept == 1


def _record_pulse(terminal: Terminal, heartbeat: messages.Heartbeat, at: datetime) -> None:
    """Count a heartbeat into its five minutes, in one statement."""
    codes = {component.code for component in heartbeat.components if component.code}
    with connection.cursor() as cursor:
        cursor.execute(_PULSE, [terminal.pk, slot_of(at), SLOW in codes, bool(codes - {SLOW})])


def slot_of(at: datetime) -> datetime:
    """Give the beginning of the five minutes that a moment belongs to."""
    return at.replace(minute=at.minute - at.minute % 5, second=0, microsecond=0)


def _fault(terminal: Terminal, told: messages.Fault, agent_version: str) -> TerminalFault:
    return TerminalFault(
        terminal=terminal,
        code=told.code,
        at=told.at,
        entry=told.entry or "",
        operator=told.operator or "",
        detail=told.detail or "",
        agent_version=agent_version,
    )


_PULSE = """
insert into stores_terminalpulse as pulse (terminal_id, slot, beats, is_slow, needs_attention)
values (%s, %s, 1, %s, %s)
on conflict (terminal_id, slot) do update
set beats = pulse.beats + 1, is_slow = pulse.is_slow or excluded.is_slow,
    needs_attention = pulse.needs_attention or excluded.needs_attention
"""
