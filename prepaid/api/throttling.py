"""Rate limits that hold over all web processes: one conditional UPDATE in the database.

Knows callers and their allowance; must not know what is asked.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.db import connection
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

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


class TerminalThrottle(BaseThrottle):
    """So many calls a minute for each terminal."""

    name: ClassVar[str]
    per_minute: ClassVar[int]
    _values: dict[str, str | float]

    def allow_request(self, request: Request, view: APIView) -> bool:
        """Take one call from the terminal's allowance; False where it is used up."""
        caller: Any = request.user
        self._values = {"key": f"{self.name}:{caller.origin.id}", "each_s": 60 / self.per_minute}
        with connection.cursor() as cursor:
            cursor.execute(_TAKE, self._values)
            return bool(cursor.rowcount == 1)

    def wait(self) -> float:
        """Give the seconds until the next call will be let in."""
        with connection.cursor() as cursor:
            cursor.execute(_WAIT, self._values)
            row = cursor.fetchone()
        return float(row[0]) if row else 0.0


class InquiryThrottle(TerminalThrottle):
    """Balance inquiries, by which numbers could be tried out."""

    name = "inquiry"
    per_minute = settings.API_INQUIRIES_PER_MINUTE


class ChallengeThrottle(TerminalThrottle):
    """Challenges, by which UIDs could be tried out."""

    name = "challenge"
    per_minute = settings.API_CHALLENGES_PER_MINUTE


class PersonaliseThrottle(TerminalThrottle):
    """Personalisations, by which numbers could be tried out."""

    name = "personalise"
    per_minute = settings.API_INQUIRIES_PER_MINUTE
