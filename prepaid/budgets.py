"""Budgets that hold over all web processes: so many calls a minute for each key, by one conditional UPDATE.

Knows keys and their allowance; must not know who calls or what is asked.
"""

from __future__ import annotations

from django.db import connection

# The generic cell rate algorithm: each call uses the allowance up for a while, and a minute's worth may be
# used at once.
_TAKE = """
    insert into api_allowance as allowance (key, used_until)
    values (%(key)s, statement_timestamp() + %(each_s)s * interval '1 second')
    on conflict (key) do update
    set used_until = greatest(allowance.used_until, statement_timestamp()) + %(each_s)s * interval '1 second'
    where allowance.used_until <= statement_timestamp() + (60 - %(each_s)s) * interval '1 second'
"""
_WAIT = """
    select greatest(0, extract(epoch from used_until - statement_timestamp()) - 60 + %(each_s)s)::float8
    from api_allowance where key = %(key)s
"""


def take(key: str, *, per_minute: int) -> bool:
    """Take one call from a key's allowance; False where it is used up."""
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, {"key": key, "each_s": 60 / per_minute})
        return bool(cursor.rowcount == 1)


def wait_s(key: str, *, per_minute: int) -> float:
    """Give the seconds until the key's next call will be let in."""
    with connection.cursor() as cursor:
        cursor.execute(_WAIT, {"key": key, "each_s": 60 / per_minute})
        row = cursor.fetchone()
    return float(row[0]) if row else 0.0
