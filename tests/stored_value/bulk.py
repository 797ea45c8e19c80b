"""What tests of orders and imports look at: rows of any table, and a line's card."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import connection

from prepaid.cards.models import BulkLine


def rows(sql: str, values: list[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return list(cursor.fetchall())


def card_of(line: BulkLine) -> UUID:
    assert line.card_id is not None, "the line's card is made"
    return line.card_id
