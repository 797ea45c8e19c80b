"""The budgets of terminals, as the API's views ask for them.

Knows callers and their allowance; must not know what is asked.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from prepaid import budgets


class TerminalThrottle(BaseThrottle):
    """So many calls a minute for each terminal."""

    name: ClassVar[str]
    per_minute: ClassVar[int]
    _key: str

    def allow_request(self, request: Request, view: APIView) -> bool:
        """Take one call from the terminal's allowance; False where it is used up."""
        caller: Any = request.user
        self._key = f"{self.name}:{caller.origin.id}"
        return budgets.take(self._key, per_minute=self.per_minute)

    def wait(self) -> float:
        """Give the seconds until the next call will be let in."""
        return budgets.wait_s(self._key, per_minute=self.per_minute)


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
