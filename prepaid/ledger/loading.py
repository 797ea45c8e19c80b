"""Loading of SQL: tables once by migration, functions again after each migrate.

Knows folders and roles; must not know what the SQL says.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections

SITE = Path(__file__).resolve().parent.parent
FUNCTION_FOLDERS = ("ledger/sql/functions", "stored_value/sql/functions", "settlement/sql/functions")


def read_tables(path: str) -> str:
    """Read a frozen SQL file of the site by its path below `prepaid/`."""
    return (SITE / path).read_text(encoding="utf-8")


def list_function_files() -> list[Path]:
    """List the SQL function files in the order in which they are applied."""
    return [file for folder in FUNCTION_FOLDERS for file in sorted((SITE / folder).glob("*.sql"))]


def load_functions(*, using: str = DEFAULT_DB_ALIAS, **_: Any) -> None:
    """Apply every SQL function file and let only the application's role call them; called after migrate."""
    role = settings.DATABASE_APP_ROLE
    with connections[using].cursor() as cursor:
        cursor.execute("select to_regtype('stored_value_reply') is not null")
        if not cursor.fetchone()[0]:
            return
        cursor.execute("set check_function_bodies = off")
        for file in list_function_files():
            cursor.execute(file.read_text(encoding="utf-8"))
        cursor.execute("reset check_function_bodies")
        cursor.execute(
            "select format('revoke execute on function %s from public', oid::regprocedure) "
            "from pg_proc where proname ~ '^(ledger|stored_value|settlement)_' and prokind = 'f'"
        )
        for (statement,) in cursor.fetchall():
            cursor.execute(statement)
            if role:
                cursor.execute(statement.replace("revoke", "grant").replace("from public", f'to "{role}"'))
