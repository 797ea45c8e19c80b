"""Spare terminals: whether one is ready, and how it takes over from a terminal that failed.

Knows versions and names; must not know cards, or how a queue is recovered.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from prepaid.stores.attestation import lock
from prepaid.stores.errors import PromotionRefused, StandbyNotReady
from prepaid.stores.models import Store, Terminal, TerminalReplacement, Till
from prepaid.stores.policy import policy_version_of

SYNCHRONISED_WITHIN = timedelta(hours=24)
# Between two heartbeats a list may change: a spare that was up to date so lately fetches it with the next
# one.
REPLACED = "replaced"
HOT_LIST_GRACE = timedelta(minutes=5)


def see_synchronised(terminal: Terminal, *, hot_list_version: int, at: datetime) -> None:
    """Note that a terminal holds what the site has now, if it does, as its heartbeat told."""
    Terminal.objects.filter(
        pk=terminal.pk, policy_version=policy_version_of(terminal), hot_list_version=hot_list_version
    ).update(synchronised_at=at)


def why_not_ready(terminal: Terminal, *, hot_list_version: int, at: datetime) -> str:
    """Say why a spare cannot be put in use; nothing where it can."""
    synchronised = terminal.synchronised_at
    if synchronised is None:
        return "it was never synchronised"
    if at - synchronised > SYNCHRONISED_WITHIN:
        return f"last synchronised on {synchronised:%Y-%m-%d %H:%M} UTC"
    if terminal.hot_list_version < hot_list_version and at - synchronised > HOT_LIST_GRACE:
        return f"its hot list is version {terminal.hot_list_version}, the site's {hot_list_version}"
    return ""


def promote(
    standby_id: UUID, failed_id: UUID, *, actor: str, note: str, hot_list_version: int, at: datetime
) -> Terminal:
    """Put a spare in the place of a failed terminal: its name, its till, its work. The failed one is locked.

    `hot_list_version` is the one that the site has now.
    Locks the store, then both terminals in the order of their ids. Raises StandbyNotReady (BAK-01) and
    PromotionRefused; then nothing changed.
    """
    note = note.strip()
    if not note or not actor:
        raise PromotionRefused("A standby is promoted by a person, with a reason.")
    with transaction.atomic():
        rows = Terminal.objects.filter(pk__in=(standby_id, failed_id)).values_list("store_id", flat=True)
        if standby_id == failed_id or len(set(rows)) != 1 or len(rows) != 2:
            raise PromotionRefused("Both terminals belong to one store.")
        Store.objects.select_for_update().get(pk=rows[0])
        both = Terminal.objects.select_for_update().filter(pk__in=(standby_id, failed_id)).order_by("id")
        found = {terminal.id: terminal for terminal in both}
        standby, failed = found[standby_id], found[failed_id]
        if standby.state != Terminal.State.STANDBY:
            raise PromotionRefused(f"{standby.name} is no standby.")
        if failed.state not in (Terminal.State.ACTIVE, Terminal.State.LOCKED):
            raise PromotionRefused(f"{failed.name} is not in use.")
        if TerminalReplacement.objects.filter(failed=failed).exists():
            raise PromotionRefused(f"{failed.name} was replaced before.")
        reason = why_not_ready(standby, hot_list_version=hot_list_version, at=at)
        if reason:
            raise StandbyNotReady(reason)
        _take_over(standby, failed, actor=actor, note=note[:500], at=at)
    standby.refresh_from_db()
    return standby


def _take_over(standby: Terminal, failed: Terminal, *, actor: str, note: str, at: datetime) -> None:
    name = failed.name
    lock(failed.id, code=REPLACED, found=f"replaced by {standby.name}", at=at)
    Terminal.objects.filter(pk=failed.id).update(name=_free_name(failed, f"{name[:28]} replaced"))
    Terminal.objects.filter(pk=standby.id).update(name=name, state=Terminal.State.ACTIVE)
    Till.objects.filter(terminal=failed).update(terminal=standby)
    TerminalReplacement.objects.create(
        failed=failed, successor=standby, name=name, at=at, by=actor, note=note
    )


def _free_name(terminal: Terminal, wanted: str) -> str:
    taken = set(Terminal.objects.filter(store_id=terminal.store_id).values_list("name", flat=True))
    if wanted not in taken:
        return wanted
    return next(name for number in range(2, len(taken) + 3) if (name := f"{wanted} {number}") not in taken)
