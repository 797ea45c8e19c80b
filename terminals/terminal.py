"""One enrolled terminal, opened: its folder, journal, line to the site and transactions, held together.

Knows how the parts are made from the state folder; must not know who uses them.
"""

from __future__ import annotations

import base64
import contextlib
import platform
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self
from uuid import UUID

import msgspec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from terminals import __version__, attestation, card_steps, messages
from terminals.batches import ClosedBatch, close_batch
from terminals.connection import Connection, Timeouts
from terminals.conversations import card_to_present, meet
from terminals.errors import ConnectionFault, JournalError, Refused, StateError, TerminalError
from terminals.heartbeat import INTERVAL_S, tell_health
from terminals.journal import Entry, Journal
from terminals.presenting import Presented
from terminals.site import Site
from terminals.stand_in import StandIn, now
from terminals.state import READER_DEFAULT, Enrolment, StateFolder, write_durably
from terminals.transactions import Patience, Transactions

# What the site answers to every call of a terminal that may not work; a heartbeat that it takes ends it.
LOCKS = {"SW-TAMP-01", "terminal_retired"}


class Terminal:
    """An enrolled terminal. Whoever opens it to write holds the agent lock."""

    def __init__(
        self,
        folder: StateFolder,
        *,
        operator: str | None = None,
        patience: Patience | None = None,
        timeouts: Timeouts | None = None,
    ) -> None:
        """Open the terminal of a state folder; StateError or JournalError when it cannot be used."""
        self.folder = folder
        self.enrolment = folder.enrolment()
        self.operator = operator
        self.connection = Connection(
            self.enrolment.site,
            terminal_id=self.enrolment.terminal_id,
            key=folder.private_key(),
            timeouts=timeouts,
            last_address=folder.site_notes().address,
        )
        self.connection.on_refused = self._keep_lock
        self.site = Site(self.connection)
        self.journal = Journal(folder.journal_file, self.enrolment.terminal_id)
        self.stand_in = StandIn(folder, self.journal)
        self.transactions = Transactions(
            site=self.site,
            journal=self.journal,
            stand_in=self.stand_in,
            currency=self.enrolment.currency,
            operator=operator,
            patience=patience,
            guard=self.see_that_it_may_sell,
        )

    def close(self) -> None:
        """Close the line and the journal."""
        self.connection.close()
        self.journal.close()

    def void_last(self) -> Entry:
        """Void the last approved redeem or load of the open batch; TerminalError where there is none."""
        original = self.journal.find_last_undoable()
        if original is None:
            raise TerminalError("nothing_to_undo")
        return self.transactions.void(original.id)

    def last_hold(self) -> Entry:
        """Give the newest hold that is open as far as is known here; TerminalError where there is none."""
        held = self.journal.find_last_hold()
        if held is None:
            raise TerminalError("nothing_held")
        return held

    def capture_last(self, amount_minor: int | None = None) -> Entry:
        """Spend from the newest open hold, as much as it holds unless told less; TerminalError: none."""
        held = self.last_hold()
        return self.transactions.capture(
            held.id, amount_minor or held.amount_minor or 0, currency=held.currency
        )

    def release_last(self) -> Entry:
        """Give the newest open hold back; TerminalError where there is none."""
        return self.transactions.release(self.last_hold().id)

    def cancel_pending(self) -> Entry:
        """Reverse the oldest transaction without a known outcome; TerminalError where there is none."""
        for entry in self.journal.list_unknown():
            if entry.type not in {"void", "reversal"}:
                return self.transactions.reverse(entry.id)
        raise TerminalError("nothing_to_undo")

    def park_torn(self) -> Entry:
        """Park the exchange that holds others up; TerminalError where there is none."""
        torn = self.journal.find_torn()
        if torn is None:
            raise TerminalError("nothing_to_park")
        return self.transactions.park(torn.id)

    def keep_ready(self, heard: messages.HeartbeatAnswer | None = None) -> None:
        """Ask what this terminal may do: the policy with each heartbeat, a grant and the hot list when due.

        Raises as Connection.call.
        """
        at = now()
        is_due = self.stand_in.is_due(
            at,
            policy_version=heard.policy_version if heard else None,
            hot_list_version=heard.hot_list_version if heard else None,
        )
        if heard is None and not is_due:
            return
        policy = self.learn_policy()
        if is_due:
            # A spare holds the list too, so that it can take over at once.
            self.stand_in.keep(policy, self.site.hot_list(self.folder.hot_list().version), at)

    def learn_policy(self) -> dict[str, Any]:
        """Ask for the policy, and keep what the site asks for, such as the challenge floor.

        Grants have a file of their own. Raises as Connection.call.
        """
        policy = self.site.policy()
        kept = {name: value for name, value in policy.items() if name != "stand_in"}
        if kept != self.enrolment.policy:
            self.enrolment = msgspec.structs.replace(self.enrolment, policy=kept)
            self.folder.save_enrolment(self.enrolment)
        return policy

    def close_batch(self) -> ClosedBatch:
        """Resolve what is unresolved, then close the open batch."""
        self.transactions.resolve()
        return close_batch(self.site, self.journal)

    def tell_health(
        self, reader_code: str | None, scanner_code: str | None = None
    ) -> messages.HeartbeatAnswer:
        """Tell the site how this terminal is, and, as it answers, what was approved offline; keep ready.

        A code is empty while its device works, None where the agent uses none.
        """
        heard = self._hear(reader_code, scanner_code)
        self.transactions.upload()
        self.keep_ready(heard)
        return heard

    def tell_health_if_due(self) -> messages.HeartbeatAnswer | None:
        """Tell the site how this terminal is, unless it heard so within the last minute; faults with it.

        For commands, which have no clock of their own and say nothing of reader and scanner.
        """
        seen_at = self.folder.site_notes().seen_at
        if seen_at is not None and (now() - seen_at).total_seconds() < INTERVAL_S:
            return None
        return self._hear(None, None)

    def _keep_lock(self, refusal: Refused) -> None:
        """Keep for when the site cannot be reached that it lets this terminal do nothing more."""
        notes = self.folder.site_notes()
        if refusal.code in LOCKS and not notes.locked:
            self.folder.save_site_notes(msgspec.structs.replace(notes, locked=True))

    def _hear(self, reader_code: str | None, scanner_code: str | None) -> messages.HeartbeatAnswer:
        heard = tell_health(
            site=self.site,
            journal=self.journal,
            folder=self.folder,
            reader_code=reader_code,
            scanner_code=scanner_code,
        )
        # A standby that was promoted has another name now.
        self.enrolment = self.folder.enrolment()
        return heard

    def card_to_present(self, presented: Presented, amount_minor: int | None = None) -> messages.Card:
        """Give what the site is told of a card: of a tap above the policy's floor, the proof of a challenge.

        Without an amount it is asked about, not spent from. Raises what conversations.py says.
        """
        if presented.reader is None or presented.tap is None:
            return presented.card
        floor_minor = self.enrolment.policy.get("challenge_floor")
        return card_to_present(
            self.site, presented.reader, presented.tap, amount_minor=amount_minor, floor_minor=floor_minor
        )

    def inquire(self, presented: Presented) -> messages.Inquiry:
        """Ask for the balance of a presented card."""
        return self.site.inquire(self.card_to_present(presented))

    def meet(self, presented: Presented) -> messages.Inquiry | card_steps.CardStep:
        """Ask for the balance of a card; a blank that the counter awaits becomes its card instead.

        Raises what conversations.py says.
        """
        if presented.tap is None or presented.reader is None:
            return self.inquire(presented)
        return meet(self.site, presented.reader, presented.tap)

    def see_that_it_may_sell(self) -> None:
        """Raise StateError where nothing that moves value may begin: SW-TAMP-01 or `terminal_standby`.

        Where that is what was known last, or this agent is another than the one that the site let work, the
        site is asked anew: without its word the terminal stays locked.
        """
        notes = self.folder.site_notes()
        changed = attestation.differs(self.folder, self.enrolment)
        if not (notes.locked or notes.standby or changed):
            return
        try:
            answer = self._hear(None, None)
        except Refused as refusal:
            raise StateError(refusal.code, refusal.detail) from refusal
        except ConnectionFault as fault:
            if notes.locked or changed:
                raise StateError("SW-TAMP-01", f"the site could not be asked: {fault.detail}") from fault
            raise StateError("terminal_standby", f"the site could not be asked: {fault.detail}") from fault
        if answer.locked:
            raise StateError("SW-TAMP-01", "locked by the site")
        if answer.standby:
            raise StateError("terminal_standby", "not promoted")

    def record_fault(self, code: str, detail: str = "", entry: messages.Entry | None = None) -> None:
        """Note a fault for the next heartbeat, if the journal can keep it: what came of a sale goes first."""
        fault = messages.Fault(
            code=code[:32],
            at=datetime.now(UTC),
            entry=entry,
            operator=self.operator,
            detail=detail[:500] or None,
        )
        with contextlib.suppress(JournalError):
            self.journal.record_fault(fault)

    def note_shown(self, entry_id: UUID) -> None:
        """Note that the person has seen an outcome, where the journal can keep it."""
        with contextlib.suppress(JournalError):
            self.journal.mark_shown(entry_id)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def enrol(
    folder: StateFolder, *, site: str, code: str, reader: str = READER_DEFAULT, scanner: str = ""
) -> Enrolment:
    """Enrol this machine as a terminal with a new key; what the site answered returns and is kept.

    A folder enrolled before keeps its old journal under the old terminal's id; StateError while that journal
    still holds a transaction without a known outcome. Raises what Connection.call raises.
    """
    folder.make()
    earlier = folder.enrolment() if folder.is_enrolled() else None
    if earlier is not None:
        _see_nothing_pending(folder, earlier)
    pending_key = StateFolder(folder.path / "enrolling")
    pending_key.make()
    public = pending_key.make_key().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    connection = Connection(site.rstrip("/"))
    try:
        enrolled = Site(connection).enrol(
            messages.EnrolRequest(
                code=code,
                public_key=base64.b64encode(public).decode(),
                agent_version=__version__,
                platform=f"{platform.system()} {platform.release()} {platform.machine()}"[:120],
            )
        )
    finally:
        connection.close()
    if earlier is not None:
        _put_journal_aside(folder, earlier.terminal_id)
    write_durably(folder.key_file, pending_key.key_file.read_bytes())
    enrolment = Enrolment(
        site=site.rstrip("/"),
        terminal_id=enrolled.terminal_id,
        name=enrolled.name,
        store_code=enrolled.store.code,
        store_name=enrolled.store.name,
        currency=enrolled.currency,
        timezone=enrolled.timezone,
        policy=enrolled.policy,
        enrolled_at=datetime.now(UTC),
        reader=reader,
        scanner=scanner,
    )
    folder.save_enrolment(enrolment)
    pending_key.key_file.unlink()
    pending_key.path.rmdir()
    return enrolment


def _see_nothing_pending(folder: StateFolder, earlier: Enrolment) -> None:
    if not folder.journal_file.exists():
        return
    journal = Journal(folder.journal_file, earlier.terminal_id)
    try:
        pending = journal.list_pending()
    finally:
        journal.close()
    if pending:
        raise StateError(
            "SW-QUE-01", f"{len(pending)} transactions have no known outcome: resolve them first"
        )


def _put_journal_aside(folder: StateFolder, terminal_id: UUID) -> None:
    for suffix in ("", "-wal", "-shm"):
        file = folder.journal_file.with_name(folder.journal_file.name + suffix)
        if file.exists():
            file.rename(file.with_name(f"journal-{terminal_id}.sqlite{suffix}"))
