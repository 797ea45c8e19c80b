"""What stores keep for a while only: taps, heartbeats and faults of terminals, codes that nobody used.

Knows how long; must not know who is asked to sweep.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from prepaid.stores.models import Enrolment, Tap, TerminalFault, TerminalPulse

KEPT_FOR = timedelta(days=1)
PULSES_KEPT_FOR = timedelta(days=2)
# As long as a report of a quarter may look back, with a month to spare.
FAULTS_KEPT_FOR = timedelta(days=120)


def sweep_taps(at: datetime) -> int:
    """Remove taps older than a day, and count them."""
    return Tap.objects.filter(at__lt=at - KEPT_FOR).delete()[0]


def sweep_enrolments(at: datetime) -> int:
    """Remove enrolment codes that expired a day ago without being used, and count them."""
    return Enrolment.objects.filter(used_at__isnull=True, expires_at__lt=at - KEPT_FOR).delete()[0]


def sweep_terminals(at: datetime) -> int:
    """Remove heartbeats older than two days and faults older than 120, and count them."""
    pulses = TerminalPulse.objects.filter(slot__lt=at - PULSES_KEPT_FOR).delete()[0]
    return pulses + TerminalFault.objects.filter(at__lt=at - FAULTS_KEPT_FOR).delete()[0]
