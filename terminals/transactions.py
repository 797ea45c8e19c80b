"""Transactions of this terminal: written before sent, repeated byte for byte, resolved before anything new.

Knows the order of journal and site, and how often to try; must not know a reader or a screen.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from terminals import messages
from terminals.errors import AnswerUnknown, NothingSent, Refused, TerminalError, TryAgain
from terminals.identifiers import uuid7
from terminals.journal import Entry, Journal
from terminals.site import Site

# What the site says of the content itself: the same bytes will never be taken.
REFUSED_FOR_GOOD = {400, 413, 415, 422}
CASH = messages.Tender(type="cash")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a transaction is tried before its outcome counts as unknown."""

    attempts: int = 4
    pause_s: float = 0.25
    pause_s_max: float = 5.0
    total_s: float = 20.0


class Transactions:
    """What this terminal does with value. Every method that begins something new resolves the old first.

    Each returns the entry as it stands in the end: answered (approved or declined), refused, cancelled
    (nothing was sent, and a reversal follows), or unresolved. While an older entry cannot be resolved the
    methods raise ConnectionFault or Refused, and nothing new is written.
    """

    def __init__(
        self,
        *,
        site: Site,
        journal: Journal,
        currency: str,
        operator: str | None = None,
        patience: Patience | None = None,
        pause: Callable[[float], object] = time.sleep,
        guard: Callable[[], object] = lambda: None,
    ) -> None:
        """`guard` raises where this terminal may begin nothing new: locked, or a spare."""
        self._guard = guard
        self._site = site
        self._journal = journal
        self._currency = currency
        self._operator = operator
        self._patience = patience or Patience()
        self._pause = pause

    def redeem(
        self,
        card: messages.Card,
        amount_minor: int,
        *,
        allow_partial: bool = False,
        currency: str | None = None,
        entry_id: UUID | None = None,
    ) -> Entry:
        """Spend from a card, in the store's money or a unit."""
        return self._begin(
            entry_id,
            lambda new_id, sequence: messages.Redeem(
                id=new_id,
                sequence=sequence,
                occurred_at=_now(),
                operator=self._operator,
                card=card,
                amount=amount_minor,
                currency=currency or self._currency,
                allow_partial=allow_partial,
            ),
        )

    def load(
        self,
        card: messages.Card,
        amount_minor: int,
        *,
        tender: messages.Tender = CASH,
        currency: str | None = None,
        entry_id: UUID | None = None,
    ) -> Entry:
        """Add value to a card against a tender."""
        return self._begin(
            entry_id,
            lambda new_id, sequence: messages.Load(
                id=new_id,
                sequence=sequence,
                occurred_at=_now(),
                operator=self._operator,
                card=card,
                amount=amount_minor,
                currency=currency or self._currency,
                tender=tender,
            ),
        )

    def void(self, original: UUID, *, entry_id: UUID | None = None) -> Entry:
        """Undo a known transaction of the open batch, whole."""
        return self._begin(
            entry_id,
            lambda new_id, sequence: messages.Void(
                id=new_id, sequence=sequence, occurred_at=_now(), operator=self._operator, original=original
            ),
        )

    def reverse(self, original: UUID) -> Entry:
        """Undo a transaction whose answer never came; its reversal returns, the same one on a repeat.

        The original is sent after it, so that the site has seen every sequence.
        """
        reversal = self._cancel(original)
        self.resolve()
        return self._journal.find(reversal.id) or reversal

    def resolve(self) -> list[Entry]:
        """Find out every unknown outcome, oldest first; what was resolved returns.

        Raises what kept the first one from being resolved: NothingSent, AnswerUnknown or Refused.
        """
        return [self._resolve(entry) for entry in self._journal.list_pending()]

    def find(self, entry_id: UUID) -> Entry | None:
        """Give the entry with this id, resolved if need be; None where this terminal never wrote it."""
        entry = self._journal.find(entry_id)
        if entry is not None and entry.is_pending:
            self.resolve()
            entry = self._journal.find(entry_id)
        return entry

    def _begin(self, entry_id: UUID | None, make: Callable[[UUID, int], messages.Transaction]) -> Entry:
        self.resolve()
        self._guard()
        new_id = entry_id or uuid7()
        entry = self._journal.write(lambda sequence: make(new_id, sequence))
        cause = self._send(entry)
        entry = self._journal.find(entry.id) or entry
        if cause is not None and entry.state == "sent":
            # Nothing arrived, and the person at the till is told so: it must never be sent as a sale later.
            self._cancel(entry.id)
            entry = self._journal.find(entry.id) or entry
        return entry

    def _cancel(self, original: UUID) -> Entry:
        return self._journal.cancel(
            original,
            lambda sequence: messages.Reversal(
                id=uuid7(), sequence=sequence, occurred_at=_now(), operator=self._operator, original=original
            ),
        )

    def _resolve(self, entry: Entry) -> Entry:
        if entry.state != "written":
            known = self._site.find_transaction(entry.id)
            if known is not None:
                self._journal.mark_answered(entry.id, *known)
                return self._journal.find(entry.id) or entry
        if entry.state == "cancelled" and not self._is_reversed(entry):
            self._journal.mark_refused(entry.id, "reversal_refused")
        else:
            cause = self._send(entry)
            if cause is not None:
                raise cause
        return self._journal.find(entry.id) or entry

    def _is_reversed(self, entry: Entry) -> bool:
        """Tell whether the site holds this entry's reversal, without which the original must not be sent."""
        reversal = self._journal.find_reversal(entry.id)
        return reversal is not None and reversal.answer is not None and reversal.answer.outcome == "approved"

    def _send(self, entry: Entry) -> TerminalError | None:
        """Send an entry until its outcome is known or patience ends; None when known, else what hindered it.

        The journal says `sent` while no attempt of this run can have arrived, `unresolved` once one may have.
        """
        assert entry.body is not None
        started = time.monotonic()
        cause: TerminalError | None = None
        for attempt in range(self._patience.attempts):
            if cause is not None:
                self._pause(self._pause_s(attempt, cause))
            self._journal.mark_sent(entry.id)
            try:
                answer, raw = self._site.post_transaction(entry.id, entry.body)
            except Refused as refusal:
                if refusal.status in REFUSED_FOR_GOOD:
                    self._journal.mark_refused(entry.id, refusal.code)
                    return None
                cause = refusal
                if refusal.status != 429:
                    break
            except NothingSent as fault:
                cause = fault
            except AnswerUnknown as fault:
                self._journal.mark_unresolved(entry.id, fault.code)
                cause = fault
            else:
                self._journal.mark_answered(entry.id, answer, raw)
                return None
            if time.monotonic() - started > self._patience.total_s:
                break
        assert cause is not None
        self._journal.note_code(entry.id, cause.code)
        return cause

    def _pause_s(self, attempt: int, cause: TerminalError) -> float:
        """Give the pause before an attempt: doubled each time, at least what the site asked for, jittered."""
        asked_s = cause.retry_after_s if isinstance(cause, TryAgain | Refused) else None
        pause_s = max(asked_s or 0.0, self._patience.pause_s * (1 << (attempt - 1)))
        return min(pause_s, self._patience.pause_s_max) * random.uniform(1.0, 1.25)


def _now() -> datetime:
    return datetime.now(UTC)
