"""What stores keep for a while only: taps at their terminals, and enrolment codes that nobody used.

Knows how long; must not know who is asked to sweep.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from prepaid.stores.models import Enrolment, Tap

KEPT_FOR = timedelta(days=1)


def sweep_taps(at: datetime) -> int:
    """Remove taps older than a day, and count them."""
    return Tap.objects.filter(at__lt=at - KEPT_FOR).delete()[0]


def sweep_enrolments(at: datetime) -> int:
    """Remove enrolment codes that expired a day ago without being used, and count them."""
    return Enrolment.objects.filter(used_at__isnull=True, expires_at__lt=at - KEPT_FOR).delete()[0]
