"""Transactions of this terminal: written before sent, repeated byte for byte, resolved before anything new.

Knows the order of journal, site and stand-in, and how often to try; must not know a reader or a screen.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from terminals import messages
from terminals.errors import (
    AnswerUnknown,
    ConnectionFault,
    NothingSent,
    Refused,
    TerminalError,
    TornTap,
    TryAgain,
)
from terminals.identifiers import uuid7
from terminals.journal import Entry, Journal
from terminals.site import Site
from terminals.stand_in import StandIn, advice_of, grant_in, identity_of, within_bytes
from terminals.stand_in import now as _now

# What the site says of the content itself: the same bytes will never be taken.
REFUSED_FOR_GOOD = {400, 413, 415, 422}
HOLD_GOOD_FOR = timedelta(days=7)
CASH = messages.Tender(type="cash")
# One upload: what the site records in a moment.
ADVICES_A_CALL = 100
UPLOADS_MAX = 100
# An approval that nobody saw is taken for the one that is tried again within this time, and no longer.
RESUMED_WITHIN = timedelta(minutes=10)


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
    (nothing was sent, and a reversal follows), unresolved, or approved offline (stand_in). While an older
    exchange has no known outcome, presenting the same card for the same thing resumes it; anything else
    raises TornTap, and nothing new is written, until it is resolved or parked.
    """

    def __init__(
        self,
        *,
        site: Site,
        journal: Journal,
        stand_in: StandIn,
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
        self._stand_in = stand_in
        self._currency = currency
        self._operator = operator
        self._patience = patience or Patience()
        self._pause = pause
        # What this run began: its outcome is told by whoever began it.
        self._begun: set[UUID] = set()

    def redeem(
        self,
        card: messages.Card,
        amount_minor: int,
        *,
        allow_partial: bool = False,
        currency: str | None = None,
        entry_id: UUID | None = None,
        uid: str | None = None,
    ) -> Entry:
        """Spend from a card, in the store's money or a unit; `uid` is what the air showed, in hex."""
        return self._begin(
            entry_id,
            lambda asked: messages.Redeem(
                **asked,
                card=card,
                amount=amount_minor,
                currency=currency or self._currency,
                allow_partial=allow_partial,
            ),
            card,
            uid,
        )

    def load(
        self,
        card: messages.Card,
        amount_minor: int,
        *,
        tender: messages.Tender = CASH,
        currency: str | None = None,
        entry_id: UUID | None = None,
        uid: str | None = None,
    ) -> Entry:
        """Add value to a card against a tender; never offline. `uid` as for redeem."""
        return self._begin(
            entry_id,
            lambda asked: messages.Load(
                **asked, card=card, amount=amount_minor, currency=currency or self._currency, tender=tender
            ),
            card,
            uid,
        )

    def hold(
        self,
        card: messages.Card,
        amount_minor: int,
        *,
        good_for: timedelta = HOLD_GOOD_FOR,
        currency: str | None = None,
        entry_id: UUID | None = None,
        uid: str | None = None,
    ) -> Entry:
        """Reserve value of a card until it is captured or released, or its time is over; never offline."""
        return self._begin(
            entry_id,
            lambda asked: messages.Hold(
                **asked,
                card=card,
                amount=amount_minor,
                currency=currency or self._currency,
                expires_in_s=round(good_for.total_seconds()),
            ),
            card,
            uid,
        )

    def capture(
        self, original: UUID, amount_minor: int, *, currency: str | None = None, entry_id: UUID | None = None
    ) -> Entry:
        """Spend from a hold, which is over then; what is left of it is the card's again. Never offline."""
        return self._begin(
            entry_id,
            lambda asked: messages.Capture(
                **asked, original=original, amount=amount_minor, currency=currency or self._currency
            ),
        )

    def release(self, original: UUID, *, entry_id: UUID | None = None) -> Entry:
        """Give a hold back whole; never offline."""
        return self._begin(entry_id, lambda asked: messages.Release(**asked, original=original))

    def void(self, original: UUID, *, entry_id: UUID | None = None) -> Entry:
        """Undo a known transaction of the open batch, whole; one approved offline is undone offline."""
        known = self._journal.find(original)
        if known is not None and known.state == "stand_in":
            return self._undo_offline(known)
        return self._begin(entry_id, lambda asked: messages.Void(**asked, original=original))

    def reverse(self, original: UUID) -> Entry:
        """Undo a transaction whose answer never came; its reversal returns, the same one on a repeat.

        The original is sent after it, so that the site has seen every sequence.
        """
        known = self._journal.find(original)
        if known is not None and known.state == "stand_in":
            return self._undo_offline(known)
        reversal = self._cancel(original)
        self.resolve()
        return self._journal.find(reversal.id) or reversal

    def resolve(self) -> list[Entry]:
        """Find out every unknown outcome, oldest first, then tell what was approved offline; both return.

        Raises what kept the first one from being resolved: NothingSent, AnswerUnknown or Refused.
        """
        return [*self._resolve_all(self._journal.list_unknown()), *self.upload()]

    def upload(self, uploads_max: int = UPLOADS_MAX) -> list[Entry]:
        """Tell the site what was approved offline, reversals first, then oldest first; what was told returns.

        Each call is taken whole into the journal before the next one. Raises what Connection.call raises:
        the same entries are told again, which changes nothing at the site.
        """
        told: list[UUID] = []
        for _ in range(uploads_max):
            batch = within_bytes(self._journal.list_stand_in(ADVICES_A_CALL))
            if not batch:
                break
            answers = self._site.post_advices(batch)
            self._journal.mark_told(answers)
            told += [entry_id for entry_id, _ in batch]
        return [entry for entry_id in told if (entry := self._journal.find(entry_id)) is not None]

    def park(self, entry_id: UUID) -> Entry:
        """Put an exchange without a known outcome aside, so that others may begin; it is resolved later."""
        self._journal.park(entry_id)
        entry = self._journal.find(entry_id)
        if entry is None or entry.state != "parked":
            raise TerminalError("nothing_to_park", str(entry_id))
        return entry

    def find(self, entry_id: UUID) -> Entry | None:
        """Give the entry with this id, resolved if need be; None where this terminal never wrote it."""
        entry = self._journal.find(entry_id)
        if entry is not None and entry.is_pending and entry.state != "stand_in":
            self.resolve()
            entry = self._journal.find(entry_id)
        return entry

    def _begin(
        self,
        entry_id: UUID | None,
        make: Callable[[dict[str, Any]], messages.Transaction],
        card: messages.Card | None = None,
        uid: str | None = None,
    ) -> Entry:
        new_id = entry_id or uuid7()
        wanted = make(self._asked(1, new_id))
        identity = identity_of(card, uid) if card is not None else None
        mark = identity.mark(self._journal.secret) if identity is not None else None
        shown_to_nobody = self._find_unshown()
        if shown_to_nobody is not None and entry_id is None and _is_same(shown_to_nobody, wanted, mark):
            return shown_to_nobody
        torn = self._journal.find_torn()
        hindrance = self._clear_the_way()
        if torn is not None and entry_id is None and _is_same(torn, wanted, mark):
            return self._journal.find(torn.id) or torn
        left = self._journal.find_torn()
        if left is not None:
            raise TornTap(left.id, hindrance.detail if hindrance else "") from hindrance
        may_stand_in = isinstance(wanted, messages.Redeem) and self._stand_in.is_allowed()
        if hindrance is not None and not may_stand_in:
            raise hindrance
        self._guard()
        self._begun.add(new_id)
        entry = self._journal.write(lambda sequence: make(self._asked(sequence, new_id)), card_mark=mark)
        cause: TerminalError | None = hindrance
        if not isinstance(hindrance, NothingSent):
            cause = self._send(entry, patient=not may_stand_in)
        entry = self._journal.find(entry.id) or entry
        if cause is not None and entry.state in {"written", "sent"}:
            # Nothing arrived: approved here and now, or never sent as a sale, for the person is told so.
            self._decide_offline(entry, cause, card, uid)
        return self._journal.find(entry.id) or entry

    def _asked(self, sequence: int, entry_id: UUID | None = None) -> dict[str, Any]:
        """Say what every transaction says: which it is, when it was asked for and by whom."""
        asked_at, new_id = _now(), entry_id or uuid7()
        return {"id": new_id, "sequence": sequence, "occurred_at": asked_at, "operator": self._operator}

    def _find_unshown(self) -> Entry | None:
        """Give the last sale of an agent that ended before it told anyone of its approval."""
        entry = self._journal.find_unshown()
        is_left = entry is not None and entry.id not in self._begun
        return entry if is_left and entry and _now() - entry.occurred_at < RESUMED_WITHIN else None

    def _clear_the_way(self) -> ConnectionFault | None:
        """Resolve what has to be before anything new; give what hindered it."""
        try:
            self._resolve_all([one for one in self._journal.list_unknown() if one.state != "parked"])
        except ConnectionFault as fault:
            return fault
        return None

    def _resolve_all(self, entries: list[Entry]) -> list[Entry]:
        return [self._resolve(entry) for entry in entries]

    def _decide_offline(
        self, entry: Entry, cause: TerminalError, card: messages.Card | None, uid: str | None
    ) -> None:
        code = cause.code
        if isinstance(cause, NothingSent) and card is not None and entry.type == "redeem":
            decision = self._stand_in.decide(entry, card, uid, _now())
            if decision.grant is not None:
                self._journal.approve_offline(
                    entry.id,
                    advice_of(entry, decision.text),
                    grant_id=decision.grant.id,
                    amount_minor=entry.amount_minor or 0,
                    code=cause.code,
                )
                return
            if decision.reason not in {None, "offline_not_allowed"}:
                code = decision.reason or code
        self._cancel(entry.id)
        self._journal.note_code(entry.id, code)

    def _undo_offline(self, original: Entry) -> Entry:
        """Undo what this terminal approved by itself: the site hears of the reversal before its original."""
        assert original.body is not None, "what was approved offline has still to be told"
        reversal = self._journal.find_reversal(original.id) or self._journal.write(
            lambda sequence: messages.Reversal(**self._asked(sequence), original=original.id)
        )
        if reversal.state == "written":
            self._journal.approve_offline(
                reversal.id,
                advice_of(reversal, grant_in(original.body)),
                grant_id=UUID(original.grant_id),
                amount_minor=original.amount_minor or 0,
                code=original.code,
            )
        return self._journal.find(reversal.id) or reversal

    def _cancel(self, original: UUID) -> Entry:
        return self._journal.cancel(
            original,
            lambda sequence: messages.Reversal(**self._asked(sequence), original=original),
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

    def _send(self, entry: Entry, *, patient: bool = True) -> TerminalError | None:
        """Send an entry until its outcome is known or patience ends; None when known, else what hindered it.

        Without patience a site that is not reached is not tried again: the terminal stands in.

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
                if not patient:
                    break
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


def _is_same(torn: Entry, wanted: messages.Transaction, mark: str | None) -> bool:
    """Tell whether a card presented again is that of a torn exchange, for the same thing."""
    return (
        mark is not None
        and mark == torn.card_mark
        and torn.type == wanted.__struct_config__.tag
        and torn.amount_minor == getattr(wanted, "amount", None)
        and torn.currency == getattr(wanted, "currency", None)
    )
