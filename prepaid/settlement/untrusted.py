"""Cards of which a copy or a forgery was shown: an exception each, and a copied card is blocked.

Knows what is proof of that and what an honest card can do too (ADR 0094); must not decide about value.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from django.db import connection, transaction

from prepaid.cards.crypto import SunIdentity
from prepaid.cards.errors import ChangeRefused, ProofRefused
from prepaid.cards.lifecycle import change_state
from prepaid.cards.models import Credential
from prepaid.cards.presentation import find_claimed, read_sun
from prepaid.keys import site_keys
from prepaid.settlement.exceptions import BY_ITSELF, Finding, record
from prepaid.stores.models import Terminal
from terminals import messages

Cause = Literal["card_replayed", "card_key_wrong", "card_forged"]
REASONS = frozenset({"credential_refused", "credential_replayed"})
# Two terminals tell the time of a tap by their own clocks, each as far off as a signature's may be.
CLOCKS_DIFFER_BY = timedelta(minutes=5)
BLOCKED_BECAUSE = "A copy of the card was shown (NFC-CARD-02)."


@dataclass(frozen=True, slots=True, kw_only=True)
class Showing:
    """When and at which terminal a card was shown; an inquiry has no sequence."""

    terminal_id: UUID
    occurred_at: datetime
    sequence: int | None = None
    operator: str = ""


def look_at_refused(card: messages.Card, showing: Showing, *, at: datetime) -> None:
    """Look whether a refused message is proof of a copy or of a forgery, and record that once it is.

    A message that is shown twice is none: the last one of an honest card is. Locks the card's row.
    """
    if not isinstance(card, messages.SunCard):
        return
    found = read_sun(card.uri)
    if found is not None:
        _look_at_count(found[0], showing, at)
        return
    for claimed in find_claimed(card.uri):
        if (chip := _find_chip(claimed.uid)) is not None:
            _record("card_forged", chip, showing, "a message whose MAC the card did not make", at)


def look_at_proof(error: ProofRefused, showing: Showing, *, at: datetime) -> None:
    """Record an answer to a challenge that the named card's key did not make. Locks the card's row."""
    if error.credential_id is None:
        return
    chip = Credential.objects.select_related("card").get(pk=error.credential_id)
    said = "an answer to a challenge that was made with another key"
    _record("card_key_wrong", chip, showing, said, at, is_copied=error.is_copied)


def _look_at_count(shown: SunIdentity, showing: Showing, at: datetime) -> None:
    chip = _find_chip(shown.uid)
    if chip is not None and shown.counter < chip.counter and _was_accepted_before(chip, showing):
        said = f"reading {shown.counter}, after reading {chip.counter} was accepted"
        _record("card_replayed", chip, showing, said, at, is_copied=True)


def _find_chip(uid: bytes) -> Credential | None:
    shown = Credential.objects.filter(method="sun", lookup=site_keys().sun_lookup(uid))
    return shown.select_related("card").first()


def _was_accepted_before(chip: Credential, showing: Showing) -> bool:
    """Tell whether the card had shown its higher reading before this one was shown.

    A terminal that was offline tells late of a tap that was earlier; the terminal itself tells in order.
    """
    if chip.counter_at is None:
        return False
    if chip.counter_by == showing.terminal_id:
        return showing.sequence is None or not _has_told_later(showing.terminal_id, showing.sequence)
    return showing.occurred_at > chip.counter_at + CLOCKS_DIFFER_BY


def _has_told_later(terminal_id: UUID, sequence: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "select exists (select from ledger_answer where origin_id = %s and sequence > %s)",
            [terminal_id, sequence],
        )
        return bool(cursor.fetchone()[0])


def _record(
    cause: Cause, chip: Credential, showing: Showing, said: str, at: datetime, *, is_copied: bool = False
) -> None:
    terminal = Terminal.objects.select_related("store").get(pk=showing.terminal_id)
    found = f"{terminal.store.code} {terminal.name}: card {chip.card.last_four}, {said}"
    finding = Finding(
        kind=cause,
        subject="card",
        key=str(chip.card_id),
        found=f"{found}, {showing.occurred_at:%Y-%m-%d %H:%M:%S} UTC",
        detail={
            "store": terminal.store.code,
            "terminal": terminal.name,
            "operator": showing.operator,
            "credential": str(chip.pk),
            "last_four": chip.card.last_four,
            "occurred_at": showing.occurred_at.isoformat(),
        },
    )
    with transaction.atomic():
        # What a person has settled, such as by letting the card run again, is not undone by a repeat.
        if record([finding], at=at) and is_copied:
            with contextlib.suppress(ChangeRefused):
                change_state(chip.card_id, "block", actor=BY_ITSELF, at=at, reason=BLOCKED_BECAUSE)
