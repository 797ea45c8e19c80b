"""Each fault, really brought about, and the code under which the agent then names it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from prepaid.cards.pay_codes import make_code, window_at
from terminals import attestation, messages
from terminals.doctor import diagnose, examine, first_fault
from terminals.errors import TerminalError
from terminals.identifiers import uuid7
from terminals.journal import Journal
from terminals.lock import AgentLock
from terminals.network import Machine
from terminals.readers import ReaderError
from terminals.scan_test import TEST_CODE, guide
from terminals.scanners import next_code, open_scanner
from terminals.scanners.typed import TypedScanner
from terminals.simulator.device import Injected
from terminals.state import StateFolder
from terminals.terminal import Terminal, enrol
from terminals.watch import Done, Events, Work
from tests.terminals.broken_parts import ROOT, Network, scanner, slow_line, tls_server
from tests.terminals.card_table import Table
from tests.terminals.recording_site import RecordingSite
from tests.terminals.test_readers_faults import FRAMES_OF_A_TAP

CARD = messages.QrCard(code="12345678901234567890")
QR = ("--qr", "87001234567890123458")
PAY_CODE = make_code("123456789", bytes(32), window_at(datetime.now(UTC)))
GERMAN = TEST_CODE.translate(str.maketrans("yzYZ-/:=", "zyZYß-Ö´"))


@dataclass
class Bench:
    """An enrolled terminal, its site, and a folder for what a fault needs."""

    folder: StateFolder
    site: RecordingSite
    tmp: Path

    def doctor(self, *words: str, at: Path = ROOT) -> str | None:
        """Run the diagnosis as a person does; the code of its cause returns."""
        return self.run("doctor", *words, at=at)

    def run(self, *words: str, at: Path = ROOT, start: tuple[str, ...] = ("-m", "terminals")) -> str | None:
        """Run a command as a person does; the code that it names returns."""
        ended = subprocess.run(
            [sys.executable, *start, *words, "--state", str(self.folder.path), "--json"],
            capture_output=True,
            text=True,
            cwd=at,
            env=os.environ | {"LANG": "C.UTF-8"},
            timeout=60,
            check=False,
        )
        assert "Traceback" not in ended.stderr, ended.stderr
        return code_of(ended.stdout)

    def at(self, address: str, reader: str | None = None) -> None:
        """Let the terminal follow another address of its site."""
        enrolment = msgspec.structs.replace(self.folder.enrolment(), site=address)
        self.folder.save_enrolment(enrolment)

    def behind(self, network: Network, address: str) -> str | None:
        """Run the diagnosis behind a network of its own."""
        self.at(address)
        try:
            words = ("--state", str(self.folder.path), "--json")
            return code_of(network.run("doctor", *words).stdout)
        finally:
            network.close()

    def write(self, count: int) -> None:
        """Put transactions without an outcome into the journal."""
        journal = Journal(self.folder.journal_file, self.folder.enrolment().terminal_id)
        for _ in range(count):
            journal.write(
                lambda sequence: messages.Redeem(
                    id=uuid7(),
                    sequence=sequence,
                    occurred_at=datetime.now(UTC),
                    card=CARD,
                    amount=100,
                    currency="CNY",
                )
            )
        journal.close()


def code_of(printed: str) -> str | None:
    shown = json.loads(printed)
    code = (shown.get("cause") or shown).get("code")
    return None if code is None else str(code)


def flat_battery(bench: Bench) -> str | None:
    for name, text in (("type", "Battery"), ("status", "Discharging"), ("capacity", "9")):
        file = bench.tmp / "sys/class/power_supply/BAT0" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    found = first_fault(diagnose(examine(bench.folder, machine=Machine(sys=bench.tmp / "sys"))))
    return found.code if found else None


def no_reader(bench: Bench) -> str | None:
    return bench.doctor("--reader", "tty:NONE9:pn532")


def unplugged_while_read(bench: Bench) -> str | None:
    return tapped(bench, {FRAMES_OF_A_TAP: Injected.UNPLUG})


def no_driver(bench: Bench) -> str | None:
    script = "import sys; sys.modules['nfc'] = None; from terminals.commands import main; sys.exit(main())"
    return bench.run("doctor", start=("-c", script))


def torn_tap(bench: Bench) -> str | None:
    return tapped(bench, {FRAMES_OF_A_TAP: Injected.TEAR_BEFORE})


def two_cards(bench: Bench) -> str | None:
    return tapped(bench, {}, others=1)


def telephone(bench: Bench) -> str | None:
    from tests.terminals.test_readers import ForeignCard

    table = Table(bench.tmp)
    table.field.put(ForeignCard(0x40, "08123456"))
    return complained_of(table)


def tapped(bench: Bench, faults: dict[int, Injected], *, others: int = 0) -> str | None:
    table = Table(bench.tmp, faults)
    more = [table.card(2, technology="felica_lite_s", uid="02fe010203040506")] * others
    table.field.put(table.card(), *more)
    return complained_of(table)


def complained_of(table: Table) -> str | None:
    try:
        table.wait()
    except ReaderError as error:
        return error.code
    return None


def scanned(*codes: str, customer_fails: bool = False) -> str | None:
    """Scan codes at a serial port, none of them where there are none, and give what the test comes to."""
    with scanner() as (path, port):
        plugged = open_scanner(f"serial:{path}")
        plugged.open()
        waiting = list(codes)

        def scan() -> str | None:
            if waiting:
                os.write(port, waiting.pop(0).encode() + b"\r")
                return next_code(plugged, 5.0)
            return next_code(plugged, 0.02)

        try:
            return guide(scan, lambda said: None, customer_fails=customer_fails).code
        finally:
            plugged.close()


def left_to_clean(bench: Bench) -> str | None:
    """Nothing comes three times; then the person goes to fetch a cloth."""
    inside, outside = os.pipe()
    tries, typed = iter([0.02] * 3), TypedScanner(inside)

    def scan() -> str | None:
        limit_s = next(tries, None)
        if limit_s is None:
            os.close(outside)
        return next_code(typed, limit_s or 5.0)

    try:
        return guide(scan, lambda said: None).code
    finally:
        os.close(inside)


def stopped_server(bench: Bench) -> str | None:
    bench.site.stop()
    return bench.doctor()


def wrong_certificate(bench: Bench) -> str | None:
    with tls_server(bench.tmp) as port:
        bench.at(f"https://localhost:{port}")
        return bench.doctor()


def slow(bench: Bench) -> str | None:
    with slow_line(bench.site.port, 1.02) as port:
        bench.at(f"http://127.0.0.1:{port}")
        return bench.doctor()


def wrong_clock(bench: Bench) -> str | None:
    bench.site.clock_off = timedelta(minutes=-3)
    return bench.doctor()


def old_agent(bench: Bench) -> str | None:
    bench.site.minimum_version = "99.0"
    return bench.doctor()


def tampered_file(bench: Bench) -> str | None:
    with Terminal(bench.folder) as terminal:
        terminal.tell_health(None)
    shutil.copytree(ROOT / "terminals", bench.tmp / "copy/terminals")
    with (bench.tmp / "copy/terminals/amounts.py").open("a") as file:
        file.write("# one line more\n")
    return bench.doctor(at=bench.tmp / "copy")


def tampered_settings(bench: Bench) -> str | None:
    with Terminal(bench.folder) as terminal:
        terminal.tell_health(None)
    enrolment = msgspec.structs.replace(bench.folder.enrolment(), currency="USD")
    bench.folder.save_enrolment(enrolment)
    assert attestation.differs(bench.folder, enrolment)
    return bench.doctor()


def full_queue(bench: Bench) -> str | None:
    bench.write(51)
    return bench.doctor()


def damaged_journal(bench: Bench) -> str | None:
    bench.folder.journal_file.write_bytes(b"not a database, and long enough not to be empty" * 99)
    return bench.doctor()


def damaged_key(bench: Bench) -> str | None:
    bench.folder.key_file.write_text("-----BEGIN PRIVATE KEY-----")
    return bench.doctor()


def not_enrolled(bench: Bench) -> str | None:
    bench.folder.enrolment_file.unlink()
    return bench.doctor()


def driven_by_another(bench: Bench) -> str | None:
    with AgentLock(bench.folder, "interactive"):
        return bench.run("redeem", "--amount", "1", *QR)


def strange_key(bench: Bench) -> str | None:
    bench.site.refuses_strangers = True
    bench.folder.make_key()
    return bench.doctor()


def refused(code: str) -> Callable[[Bench], str | None]:
    def refuse(bench: Bench) -> str | None:
        bench.site.probe_fates.append(f"403:{code}")
        return bench.doctor()

    return refuse


def used_code(bench: Bench) -> str | None:
    bench.site.fates.append("403:enrolment_refused")
    try:
        enrol(StateFolder(bench.tmp / "second"), site=bench.site.address, code="USED")
    except TerminalError as error:
        return error.code
    return None


def standby(bench: Bench) -> str | None:
    bench.site.standby = True
    with Terminal(bench.folder) as terminal:
        terminal.tell_health(None)
    return bench.run("redeem", "--amount", "1", *QR)


def reused_id(bench: Bench) -> str | None:
    once = str(uuid7())
    assert bench.run("redeem", "--amount", "1", "--id", once, *QR) is None
    return bench.run("redeem", "--amount", "2", "--id", once, *QR)


def reused_sequence(bench: Bench) -> str | None:
    bench.site.fates.append("422:sequence_reused")
    return bench.run("redeem", "--amount", "1", *QR)


def asked_too_often(bench: Bench) -> str | None:
    bench.site.fates.append("429:rate_limited")
    return bench.run("balance", *QR)


def broken_command(bench: Bench) -> str | None:
    script = (
        "import sys, terminals.terminal as t; t.Terminal.void_last = lambda till: till.never_written;"
        "from terminals.commands import main; sys.exit(main())"
    )
    words = ["void", "--state", str(bench.folder.path), "--json"]
    ended = subprocess.run(
        [sys.executable, "-c", script, *words], capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 3
    assert "AttributeError" in ended.stderr
    assert json.loads(ended.stdout)["money_moved"] == "unknown"
    return code_of(ended.stdout)


def broken_work(bench: Bench) -> str | None:
    events = Events()
    work = Work(events)
    work.start()
    work.begin("sale", lambda: {"known": 1}["never written"])
    done = events.next(5.0)
    work.stop()
    assert isinstance(done, Done)
    assert done.error is not None
    return done.error.code


INJECTIONS: list[tuple[str, str, Callable[[Bench], str | None]]] = [
    ("HW-PWR-01", "a battery at 9 %", flat_battery),
    ("HW-USB-01", "a port without a reader", no_reader),
    ("HW-USB-01", "the reader pulled out in a tap", unplugged_while_read),
    ("HW-DRV-01", "the driver not installed", no_driver),
    ("HW-SCN-01", "the customer's code reads at the second try",
     lambda bench: scanned(TEST_CODE, PAY_CODE, customer_fails=True)),
    ("CODE-IMG-01", "the test code reads, the customer's does not",
     lambda bench: scanned(TEST_CODE, customer_fails=True)),
    ("CODE-IMG-01", "the test code reads, of the customer's a part",
     lambda bench: scanned(TEST_CODE, PAY_CODE[:17], customer_fails=True)),
    ("CODE-STD-01", "the test code reads, the customer's is Alipay's",
     lambda bench: scanned(TEST_CODE, "281234567890123456", customer_fails=True)),
    ("OPS-TND-01", "a WeChat Pay code for the tender Alipay",
     lambda bench: bench.run("load", "--amount", "1", "--tender", "alipay", "--reference",
                             "134567890123456789", *QR)),
    ("SW-APP-01", "a defect in a command", broken_command),
    ("SW-APP-01", "a defect in work behind the screen", broken_work),
    ("HW-SCN-02", "three tries without a code", left_to_clean),
    ("HW-SCN-03", "six tries without a code", lambda bench: scanned()),
    ("HW-SCN-04", "a code cut short", lambda bench: scanned(TEST_CODE[:20])),
    ("HW-SCN-04", "a German keyboard layout", lambda bench: scanned(GERMAN)),
    ("HW-SCN-04", "a prefix", lambda bench: scanned("]Q1" + TEST_CODE)),
    ("NFC-RF-01", "the card taken away in a frame", torn_tap),
    ("NFC-RF-02", "two cards in the field", two_cards),
    ("NFC-CARD-01", "a telephone in the field", telephone),
    ("NET-LINK-01", "no cable (network namespace)",
     lambda bench: bench.behind(Network(cable=False), "http://198.51.100.7")),
    ("NET-GW-01", "a router that is off (network namespace)",
     lambda bench: bench.behind(Network(router=False), "http://198.51.100.7")),
    ("NET-DNS-01", "a dead name server (network namespace)",
     lambda bench: bench.behind(Network(), "https://cards.example.com")),
    ("NET-SRV-01", "a site that drops packets (network namespace)",
     lambda bench: bench.behind(Network(), "http://198.51.100.7")),
    ("NET-SRV-01", "a server that was stopped", stopped_server),
    ("NET-TLS-01", "a certificate that nobody vouches for", wrong_certificate),
    ("NET-SLOW-01", "answers a second late", slow),
    ("SW-CLK-01", "the site's Date three minutes off", wrong_clock),
    ("SW-VER-01", "the site wants version 99", old_agent),
    ("SW-TAMP-01", "one line more in an installed file", tampered_file),
    ("SW-TAMP-01", "another currency in the settings", tampered_settings),
    ("SW-QUE-01", "51 unsent transactions", full_queue),
    ("SW-JRN-01", "a damaged journal", damaged_journal),
    ("SW-STATE-01", "a damaged key", damaged_key),
    ("SW-ENROL-01", "no enrolment", not_enrolled),
    ("SW-LOCK-01", "a second agent", driven_by_another),
    ("bad_signature", "another key", strange_key),
    ("terminal_retired", "the site retired it", refused("terminal_retired")),
    ("SW-TAMP-01", "the site locked it", refused("SW-TAMP-01")),
    ("terminal_standby", "a spare that sells", standby),
    ("enrolment_refused", "a used enrolment code", used_code),
    ("id_reused", "one id with two amounts", reused_id),
    ("sequence_reused", "a sequence of another transaction", reused_sequence),
    ("rate_limited", "too many questions", asked_too_often),
]  # fmt: skip
