"""The recovery of a failed terminal's queue from its journal file, by the terminal that took over from it.

Knows whose journal it is and that everything is sent as the failed one wrote it: same ids, same bytes. The
site lets its successor sign for it (ADR 0067), so a transaction that had arrived already is only answered
again.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from terminals.amounts import Language
from terminals.connection import Connection
from terminals.errors import JournalError, Refused, TerminalError
from terminals.identifiers import rrn_of
from terminals.journal import Entry, Journal
from terminals.site import Site
from terminals.stand_in import StandIn
from terminals.terminal import Terminal
from terminals.texts import text
from terminals.transactions import Transactions

RECOVERED_FILE = "recovered.sqlite"
# What the failed terminal did after it was replaced: the site takes none of it, and the rest all the same.
TOO_LATE = "recovery_refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """What came of a journal: what was resolved now, what is left, and what hindered it."""

    terminal_id: UUID
    resolved: list[Entry]
    left: list[Entry]
    error: TerminalError | None


def recover(successor: Terminal, journal_file: Path) -> Recovered:
    """Resolve what a failed terminal left unknown, oldest first, in its name and with this terminal's key.

    Works on a copy in the state folder: the file itself stays as evidence, and a repeat begins from it
    anew, which doubles nothing. Raises JournalError where the file is no journal or is damaged.
    """
    copy = _copied(successor, journal_file)
    owner = owner_of(copy)
    journal = Journal(copy, owner)
    connection = Connection(
        successor.enrolment.site,
        terminal_id=owner,
        key=successor.folder.private_key(),
        last_address=successor.folder.site_notes().address,
    )
    try:
        journal.check()
        pending = journal.list_pending()
        transactions = Transactions(
            site=Site(connection),
            journal=journal,
            stand_in=StandIn(successor.folder, journal),
            currency=successor.enrolment.currency,
            guard=_nothing_new,
        )
        error: TerminalError | None = None
        try:
            transactions.resolve()
        except TerminalError as hindrance:
            error = hindrance
        after = [journal.find(entry.id) or entry for entry in pending]
        late = next((entry for entry in after if entry.code == TOO_LATE), None)
        if late is not None and error is None:
            error = Refused(TOO_LATE, f"sequence {late.sequence}, reference {rrn_of(late.id)}", status=422)
        return Recovered(
            terminal_id=owner,
            resolved=[entry for entry in after if not entry.is_pending],
            left=[entry for entry in after if entry.is_pending],
            error=error,
        )
    finally:
        connection.close()
        journal.close()


def owner_of(copy: Path) -> UUID:
    """Read whose journal a file is, its log included. Raises JournalError SW-JRN-01."""
    try:
        database = sqlite3.connect(copy)
        try:
            ((owner,),) = database.execute("select terminal_id from belonging").fetchall()
        finally:
            database.close()
        return UUID(owner)
    except (sqlite3.Error, ValueError) as error:
        said, said_zh = f"this is no journal: {error}", f"这不是流水文件：{error}"
        raise JournalError("SW-JRN-01", said, detail_zh=said_zh) from error


def lines(done: Recovered, language: Language) -> Iterator[str]:
    """Write what came of each transaction, one a line."""
    for entry in (*done.resolved, *done.left):
        state = entry.answer.outcome if entry.answer else entry.state
        words = f"{text(entry.type, language)}  {text(f'state_{state}', language)}"
        yield f"  {entry.sequence:>6}  {rrn_of(entry.id)}  {words}"


def as_json(done: Recovered) -> str:
    """Write what came of a journal as one line of JSON."""
    entries = [
        {
            "id": str(entry.id),
            "sequence": entry.sequence,
            "type": entry.type,
            "state": entry.state,
            "outcome": entry.answer.outcome if entry.answer else None,
            "code": entry.code,
        }
        for entry in (*done.resolved, *done.left)
    ]
    code = done.error.code if done.error else None
    shown = {"terminal_id": str(done.terminal_id), "entries": entries, "left": len(done.left), "code": code}
    return json.dumps(shown, ensure_ascii=False)


def _copied(successor: Terminal, journal_file: Path) -> Path:
    """Copy a journal with its log, in which the last transactions of a killed agent stand."""
    place = successor.folder.path / RECOVERED_FILE
    if journal_file.resolve() == place.resolve():
        said, said_zh = f"{place} is the copy: name the journal itself", f"{place} 是副本，请指定原流水文件"
        raise JournalError("SW-JRN-01", said, detail_zh=said_zh)
    try:
        for suffix in ("", "-wal", "-shm"):
            kept = place.with_name(place.name + suffix)
            kept.unlink(missing_ok=True)
            source = journal_file.with_name(journal_file.name + suffix)
            if suffix != "-shm" and (suffix == "" or source.exists()):
                shutil.copyfile(source, kept)
                kept.chmod(0o600)
    except OSError as error:
        said = f"{journal_file}: {error.strerror or error}"
        raise JournalError("SW-JRN-01", said, detail_zh=said) from error
    return place


def _nothing_new() -> None:
    raise TerminalError(TOO_LATE, "nothing new begins in a failed terminal's name")
