"""The heartbeat: how this terminal is, told to the site, and what the site wants of it.

Knows the parts of a terminal and their states; must not know when it is told.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

import msgspec

from terminals import __version__, attestation, messages, scan_test
from terminals.connection import CLOCK_OFF_S_MAX
from terminals.examination import look_at_power
from terminals.journal import Journal
from terminals.network import THIS_MACHINE, Machine
from terminals.site import Site
from terminals.state import SiteNotes, StateFolder

INTERVAL_S = 60.0
# A site that did not answer is asked more often, so that the terminal is online again by itself.
OFFLINE_INTERVAL_S = 10.0
QUEUE_WARNING_COUNT = 1


def tell_health(
    *,
    site: Site,
    journal: Journal,
    folder: StateFolder,
    reader_code: str | None,
    scanner_code: str | None = None,
) -> messages.HeartbeatAnswer:
    """Tell the site how this terminal is, with the faults since the last time; keep what it answers.

    `reader_code` is the reader's fault, empty while it works, None where no reader is in use; of a scanner
    that works the last guided test is told. What the site
    lets work is kept as accepted.
    """
    faults = journal.list_untold_faults()
    queue = journal.queue()
    enrolment = folder.enrolment()
    files_hash = attestation.hash_of(enrolment)
    heartbeat = messages.Heartbeat(
        agent_version=__version__,
        files_hash=files_hash,
        clock=datetime.now(UTC),
        queue=queue,
        components=list_components(
            site, queue, reader_code, scanner_code=scanner_code, scan=scan_test.last_result(folder)
        ),
        faults=[fault for _, fault in faults],
        policy_version=folder.stand_in_notes().policy_version,
        hot_list_version=folder.hot_list().version,
    )
    answer = site.tell_health(heartbeat)
    if faults:
        journal.mark_faults_told(faults[-1][0])
    keep_answer(folder, answer, address=site.connection.last_address, is_slow=site.connection.is_slow())
    if not answer.locked:
        attestation.save_accepted(folder, files_hash, datetime.now(UTC))
    if answer.name and answer.name != enrolment.name:
        # A standby that was promoted goes by the name of the terminal that it stands in for.
        folder.save_enrolment(msgspec.structs.replace(enrolment, name=answer.name))
    return answer


def keep_answer(
    folder: StateFolder, answer: messages.HeartbeatAnswer, *, address: str | None, is_slow: bool
) -> None:
    """Keep what the site said, for the next start and for when it cannot be reached."""
    folder.save_site_notes(
        SiteNotes(
            address=address,
            minimum_agent_version=answer.minimum_agent_version,
            locked=answer.locked,
            seen_at=datetime.now(UTC),
            is_slow=is_slow,
            standby=answer.standby,
        )
    )


def list_components(
    site: Site,
    queue: messages.QueueState,
    reader_code: str | None,
    *,
    scanner_code: str | None = None,
    scan: scan_test.ScanResult | None = None,
    machine: Machine = THIS_MACHINE,
) -> list[messages.Component]:
    """List the parts of this terminal: application, card reader, scanner, network, power, clock, queue."""
    clock_off_s = site.connection.clock_off_s or 0.0
    codes: dict[str, str] = {
        "application": "",
        "network": "NET-SLOW-01" if site.connection.is_slow() else "",
        "clock": "SW-CLK-01" if abs(clock_off_s) > CLOCK_OFF_S_MAX else "",
        "queue": "SW-QUE-01" if queue.count >= QUEUE_WARNING_COUNT else "",
    }
    _, power, _ = look_at_power(machine)
    codes["power"] = power or ""
    if reader_code is not None:
        codes["card_reader"] = reader_code
    # A customer's bad code says that the scanner is well.
    tested = None if scan is None else scan.scanner_code
    if scanner_code is not None or tested is not None:
        codes["scanner"] = scanner_code or tested or ""
    return [
        messages.Component(name=name, status="NEEDS_ATTENTION" if code else "AVAILABLE", code=code or None)
        for name, code in sorted(codes.items())
    ]


def is_older(version: str, minimum: str) -> bool:
    """Tell whether a version is below the site's minimum, number by number."""
    return _numbers(version) < _numbers(minimum)


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall("[0-9]+", version)]
