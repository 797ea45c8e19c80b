"""Which agents are approved, and the lock of a terminal that is another than it was.

Knows hashes as they are told; a program that lies can tell any, which is why this is a tripwire (ADR 0066).
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction

from prepaid.stores.errors import UnlockRefused
from prepaid.stores.models import ApprovedAgent, Terminal, TerminalLock, TerminalReplacement

TAMPERED = "SW-TAMP-01"


def approve_agent(version: str, files_hash: str, *, actor: str, at: datetime) -> ApprovedAgent:
    """Approve a hash of the agent's files for a version; approving it again changes nothing."""
    approved, _ = ApprovedAgent.objects.get_or_create(
        version=version,
        files_hash=files_of(files_hash),
        defaults={"approved_by": actor, "approved_at": at},
    )
    return approved


def list_approved(version: str) -> list[str]:
    """List the hashes that are approved for a version; an empty list approves every one."""
    return list(ApprovedAgent.objects.filter(version=version).values_list("files_hash", flat=True))


def files_of(told: str) -> str:
    """Give the part of a told hash that is the same wherever this version is installed."""
    return told.partition(".")[0]


def settings_of(told: str) -> str:
    """Give the part of a told hash that is of this terminal's own settings; empty where it tells none."""
    return told.partition(".")[2][:64]


def find_change(terminal: Terminal, *, version: str, told: str) -> str:
    """Say in which way an agent is not the approved one, or nothing. Pins the settings told first."""
    approved = list_approved(version)
    if approved and files_of(told) not in approved:
        return f"the files of agent {version} are not approved: {files_of(told)[:12] or 'no hash told'}"
    settings = settings_of(told)
    if not settings:
        return ""
    Terminal.objects.filter(pk=terminal.pk, settings_hash="").update(settings_hash=settings)
    pinned = Terminal.objects.values_list("settings_hash", flat=True).get(pk=terminal.pk)
    return "" if pinned == settings else "the settings are not those that it was enrolled with"


def lock(terminal_id: UUID, *, code: str, found: str, at: datetime) -> bool:
    """Lock a terminal that may work, and say whether it was this call that did. Locks its row."""
    with transaction.atomic():
        terminal = Terminal.objects.select_for_update().get(pk=terminal_id)
        if terminal.state not in (Terminal.State.ACTIVE, Terminal.State.STANDBY):
            return False
        try:
            with transaction.atomic():
                TerminalLock.objects.create(
                    terminal=terminal,
                    at=at,
                    code=code,
                    found=found[:200],
                    was_standby=terminal.state == Terminal.State.STANDBY,
                )
        except IntegrityError:
            # Unlocked by hand in the database: the open lock stands and says why.
            pass
        Terminal.objects.filter(pk=terminal_id).update(state=Terminal.State.LOCKED)
    return True


def unlock(terminal_id: UUID, *, actor: str, note: str, at: datetime) -> None:
    """Let a locked terminal work again, with a manager's reason; the settings it told last are right now.

    Locks its row. Raises UnlockRefused: not locked, replaced, no reason, or files that nobody approved.
    """
    note = note.strip()
    if not note or not actor:
        raise UnlockRefused("A terminal is unlocked by a person, with a reason.")
    with transaction.atomic():
        terminal = Terminal.objects.select_for_update().get(pk=terminal_id)
        if terminal.state != Terminal.State.LOCKED:
            raise UnlockRefused("The terminal is not locked.")
        if TerminalReplacement.objects.filter(failed=terminal).exists():
            raise UnlockRefused("Another terminal took over its name and till: enrol it anew.")
        approved = list_approved(terminal.agent_version)
        if approved and files_of(terminal.files_hash) not in approved:
            raise UnlockRefused("Its files are still not approved: mend the terminal, or approve them first.")
        held = TerminalLock.objects.filter(terminal=terminal, unlocked_at__isnull=True).first()
        state = Terminal.State.STANDBY if held and held.was_standby else Terminal.State.ACTIVE
        TerminalLock.objects.filter(terminal=terminal, unlocked_at__isnull=True).update(
            unlocked_at=at, unlocked_by=actor, note=note[:500]
        )
        Terminal.objects.filter(pk=terminal_id).update(
            state=state, settings_hash=settings_of(terminal.files_hash)
        )
