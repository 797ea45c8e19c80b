"""How terminals are: what each tells of itself every minute or so.

Knows heartbeats and faults; must not know how they travelled.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from prepaid.stores.models import Terminal, TerminalFault
from prepaid.stores.policy import MINIMUM_AGENT_VERSION, policy_version_of
from terminals import messages

LOCKED = messages.Texts(
    en="This terminal is locked. Take no cards with it; call the manager.",
    zh="本终端已锁定，请勿受理卡片，并联系经理。",
)


def record_heartbeat(
    terminal: Terminal, heartbeat: messages.Heartbeat, *, at: datetime, hot_list_version: int = 0
) -> messages.HeartbeatAnswer:
    """Keep what a terminal tells of itself and answer what it should know; a fault told twice is kept once.

    A heartbeat that was overtaken by a later one changes nothing but its faults.
    """
    faults = [_fault(terminal, told) for told in heartbeat.faults]
    TerminalFault.objects.bulk_create(faults, ignore_conflicts=True)
    Terminal.objects.filter(pk=terminal.pk).exclude(last_seen_at__gt=at).update(
        agent_version=heartbeat.agent_version,
        files_hash=heartbeat.files_hash or "",
        last_seen_at=at,
        clock_offset_ms=round((heartbeat.clock - at).total_seconds() * 1000),
        queue_count=heartbeat.queue.count,
        queue_amount_minor=heartbeat.queue.amount,
        queue_oldest_at=heartbeat.queue.oldest_at,
        components=msgspec.to_builtins(heartbeat.components),
    )
    locked = terminal.state == Terminal.State.LOCKED
    return messages.HeartbeatAnswer(
        server_time=at,
        policy_version=policy_version_of(terminal),
        hot_list_version=hot_list_version,
        minimum_agent_version=MINIMUM_AGENT_VERSION,
        locked=locked,
        message=LOCKED if locked else None,
    )


def _fault(terminal: Terminal, told: messages.Fault) -> TerminalFault:
    return TerminalFault(
        terminal=terminal,
        code=told.code,
        at=told.at,
        entry=told.entry or "",
        operator=told.operator or "",
        detail=told.detail or "",
    )
