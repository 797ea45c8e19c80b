"""The heartbeat: how this terminal is, told to the site, and what the site wants of it.

Knows the parts of a terminal and their states; must not know when it is told.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from terminals import __version__, messages
from terminals.connection import CLOCK_OFF_S_MAX
from terminals.journal import Journal
from terminals.site import Site
from terminals.state import SiteNotes, StateFolder

INTERVAL_S = 60.0
# A site that did not answer is asked more often, so that the terminal is online again by itself.
OFFLINE_INTERVAL_S = 10.0
QUEUE_WARNING_COUNT = 1


def tell_health(
    *, site: Site, journal: Journal, folder: StateFolder, reader_code: str | None
) -> messages.HeartbeatAnswer:
    """Tell the site how this terminal is, with the faults since the last time; keep what it answers.

    `reader_code` is the reader's fault, empty while it works, None where no reader is in use.
    """
    faults = journal.list_untold_faults()
    queue = journal.queue()
    heartbeat = messages.Heartbeat(
        agent_version=__version__,
        clock=datetime.now(UTC),
        queue=queue,
        components=list_components(site, queue, reader_code),
        faults=[fault for _, fault in faults],
    )
    answer = site.tell_health(heartbeat)
    if faults:
        journal.mark_faults_told(faults[-1][0])
    folder.save_site_notes(
        SiteNotes(
            address=site.connection.last_address,
            minimum_agent_version=answer.minimum_agent_version,
            locked=answer.locked,
            seen_at=datetime.now(UTC),
        )
    )
    return answer


def list_components(
    site: Site, queue: messages.QueueState, reader_code: str | None
) -> list[messages.Component]:
    """List the parts of this terminal: application, card reader, network, clock, queue."""
    clock_off_s = site.connection.clock_off_s or 0.0
    codes: dict[str, str] = {
        "application": "",
        "network": "NET-SLOW-01" if site.connection.is_slow() else "",
        "clock": "SW-CLK-01" if abs(clock_off_s) > CLOCK_OFF_S_MAX else "",
        "queue": "SW-QUE-01" if queue.count >= QUEUE_WARNING_COUNT else "",
    }
    if reader_code is not None:
        codes["card_reader"] = reader_code
    return [
        messages.Component(name=name, status="NEEDS_ATTENTION" if code else "AVAILABLE", code=code or None)
        for name, code in sorted(codes.items())
    ]


def is_older(version: str, minimum: str) -> bool:
    """Tell whether a version is below the site's minimum, number by number."""
    return _numbers(version) < _numbers(minimum)


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall("[0-9]+", version)]
