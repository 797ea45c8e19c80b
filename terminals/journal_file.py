"""The file of a journal: opened, made or brought to this version, and changed in whole commits.

Knows SQLite and the versions of the schema; must not know what an entry means.
"""

from __future__ import annotations

import secrets
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

from terminals.errors import JournalError, OutcomeUnkept

SCHEMA_VERSION = 2
SECRET_BYTES = 32
_FOLDER = Path(__file__).parent
# What version 1 did not have: two columns of an entry, and the secret.
_COLUMNS_1 = """sequence, id, type, amount, currency, original, operator, occurred_at, state, content, body,
    attempts, code, answer, outcome, approved, answered_at"""


class JournalFile:
    """One terminal's file, usable from several threads; only one agent may open it for writing."""

    def __init__(self, path: Path, terminal_id: UUID) -> None:
        """Open or make the file; JournalError when it is unreadable or another terminal's."""
        self._lock = threading.RLock()
        try:
            path.touch(mode=0o600)
            self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5)
            self._database.execute("pragma journal_mode = wal")
            self._database.execute("pragma synchronous = full")
            self._database.execute("pragma secure_delete = on")
            self._make_tables(str(terminal_id))
        except (OSError, sqlite3.Error) as error:
            raise JournalError(
                "SW-JRN-01", f"{path}: {error}", detail_zh=f"{path} 无法使用（{error}）"
            ) from error
        self.secret: bytes = self._rows("select secret from belonging", ())[0][0]

    def close(self) -> None:
        """Fold the log into the file and close it."""
        with self._lock:
            self._database.close()

    def check(self) -> None:
        """Read every page; JournalError when one is damaged."""
        rows = self._rows("pragma quick_check(1)", ())
        if rows != [("ok",)]:
            raise JournalError("SW-JRN-01", str(rows[0][0]), detail_zh=f"数据页损坏（{rows[0][0]}）")

    def _make_tables(self, terminal_id: str) -> None:
        if self._version() < SCHEMA_VERSION:
            with self._atomic() as database:
                version = self._version()
                if version < SCHEMA_VERSION:
                    _bring_up(database, version, terminal_id)
        if self._version() != SCHEMA_VERSION:
            said, said_zh = "the journal was written by a newer agent", "流水由更新版本的终端程序写入"
            raise JournalError("SW-JRN-01", said, detail_zh=said_zh)
        ((owner,),) = self._rows("select terminal_id from belonging", ())
        if owner != terminal_id:
            said, said_zh = f"the journal belongs to terminal {owner}", f"流水属于终端 {owner}"
            raise JournalError("SW-JRN-01", said, detail_zh=said_zh)
        # Older agents keep them too, so that they are no other version.
        _run(self._database, "journal-indexes.sql")

    def _version(self) -> int:
        return int(self._rows("pragma user_version", ())[0][0])

    @contextmanager
    def _atomic(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                self._database.execute("begin immediate")
                try:
                    yield self._database
                except BaseException:
                    self._database.execute("rollback")
                    raise
                self._database.execute("commit")
            except sqlite3.Error as error:
                raise JournalError("SW-JRN-01", str(error)) from error

    def _change(self, statement: str, values: tuple[Any, ...]) -> None:
        with self._atomic() as database:
            database.execute(statement, values)

    @contextmanager
    def _noting(self) -> Iterator[sqlite3.Connection]:
        """Change what is known of a transaction, in one commit; OutcomeUnkept where that cannot be kept."""
        try:
            with self._atomic() as database:
                yield database
        except JournalError as error:
            raise OutcomeUnkept(error.code, error.detail) from error

    def _note(self, statement: str, values: tuple[Any, ...]) -> None:
        with self._noting() as database:
            database.execute(statement, values)

    def _rows(self, statement: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        with self._lock:
            try:
                return self._database.execute(statement, values).fetchall()
            except sqlite3.Error as error:
                raise JournalError("SW-JRN-01", str(error)) from error


def _bring_up(database: sqlite3.Connection, version: int, terminal_id: str) -> None:
    """Make the tables; entries of a journal of version 1 move into them. The caller commits."""
    secret = secrets.token_bytes(SECRET_BYTES)
    if version == 1:
        _run(database, "journal-1-to-2.sql")
    _run(database, "journal.sql")
    _run(database, "journal-indexes.sql")
    if version == 1:
        database.execute(f"insert into entry ({_COLUMNS_1}, is_shown) select {_COLUMNS_1}, 1 from entry_1")
        database.execute("insert into belonging select terminal_id, ? from belonging_1", (secret,))
        database.execute("drop table entry_1")
        database.execute("drop table belonging_1")
    else:
        database.execute("insert into belonging values (?, ?)", (terminal_id, secret))
    database.execute(f"pragma user_version = {SCHEMA_VERSION}")


def _run(database: sqlite3.Connection, name: str) -> None:
    for statement in (_FOLDER / name).read_text().split(";\n"):
        database.execute(statement)
