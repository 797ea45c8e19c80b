"""Faults of what is presented and of selling offline, really brought about, and the codes that name them."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from prepaid.cards.pay_codes import make_code, window_at
from terminals.errors import TerminalError
from terminals.presenting import tapped
from terminals.readers import ReaderError
from terminals.readers.usb import Bound
from terminals.scanners import next_code, open_scanner
from terminals.stand_in import Identity
from terminals.terminal import Terminal
from tests.terminals.broken_parts import scanner
from tests.terminals.card_table import Table
from tests.terminals.injections import QR, Bench
from tests.terminals.offline import allow
from tests.terminals.test_readers_usb import Bus

SALE = ("redeem", "--amount", "1")
NUMBER = ("--number", "8600123456789012")


def moved_port(bench: Bench) -> str | None:
    """Take a reader that is bound by its serial number to another port."""
    bus = Bus(bench.tmp)
    bus.plug("1-1", "AAA111", 4)
    bound = Bound(lambda place: place, devices=bus.folder)
    bound("usb:serial:AAA111")
    bus.unplug("1-1")
    bus.plug("1-3", "AAA111", 9)
    try:
        bound("usb:serial:AAA111")
    except ReaderError as error:
        return error.code
    return None


def forged_card(bench: Bench) -> str | None:
    """Tap a card whose answer to the challenge the site refuses."""
    bench.site.floor, bench.site.challenge_refused = 0, "NFC-CARD-02"
    table = Table(bench.tmp)
    table.field.put(table.card())
    tap = table.wait()
    assert tap is not None
    with Terminal(bench.folder) as terminal:
        terminal.tell_health(None)
        try:
            terminal.card_to_present(tapped(table.reader, tap), 100)
        except TerminalError as error:
            return error.code
    return None


def torn(bench: Bench) -> str | None:
    """Lose every answer to a purchase, then present another card."""
    bench.site.fates.extend(["lost"] * 9)
    assert bench.run(*SALE, *QR) is not None
    return bench.run(*SALE, *NUMBER)


def scanned_code(text: str) -> Callable[[Bench], str | None]:
    """Scan a code at a serial port, and redeem what was read."""

    def scan(bench: Bench) -> str | None:
        with scanner() as (path, port):
            plugged = open_scanner(f"serial:{path}")
            plugged.open()
            os.write(port, text.encode() + b"\r")
            read = next_code(plugged, 5.0)
            plugged.close()
        return bench.run(*SALE, "--code", read or "")

    return scan


def pay_code(reason: str, *, age: timedelta = timedelta()) -> Callable[[Bench], str | None]:
    """Redeem a phone's code of a certain age, which the site refuses for a reason."""

    def pay(bench: Bench) -> str | None:
        bench.site.decline = reason
        code = make_code("123456789", bytes(32), window_at(datetime.now(UTC) - age))
        return bench.run(*SALE, "--code", code)

    return pay


def spent_code(bench: Bench) -> str | None:
    """Redeem one code twice."""
    code = make_code("123456789", bytes(32), window_at(datetime.now(UTC)))
    assert bench.run(*SALE, "--code", code) is None
    bench.site.decline = "credential_replayed"
    return bench.run(*SALE, "--code", code)


def offline(
    amount: str = "1", *, card: tuple[str, ...] = QR, times: int = 1, **changed: object
) -> Callable[[Bench], str | None]:
    """Sell while the server is stopped, within a grant; what the last of so many purchases comes to."""

    def sell(bench: Bench) -> str | None:
        allow(bench.site, **changed)  # type: ignore[arg-type]
        with Terminal(bench.folder) as terminal:
            terminal.tell_health(None)
        bench.site.stop()
        for _ in range(times - 1):
            assert bench.run("redeem", "--amount", amount, *card) is None
        return bench.run("redeem", "--amount", amount, *card)

    return sell


def run(*words: str) -> Callable[[Bench], str | None]:
    return lambda bench: bench.run(*words)


SALES: list[tuple[str, str, Callable[[Bench], str | None]]] = [
    ("HW-USB-02", "the reader plugged in elsewhere", moved_port),
    ("NFC-CARD-02", "a card without the right key", forged_card),
    ("NFC-TORN-01", "another card after a lost answer", torn),
    ("CODE-STD-01", "a WeChat Pay code at the scanner", scanned_code("134567890123456789")),
    ("CODE-STD-01", "an EMV code at the scanner", scanned_code("000201010212")),
    ("CODE-CHK-01", "a number scanned in part", scanned_code("8600123456789013")),
    ("CODE-EXP-01", "a pay code of an hour ago", pay_code("credential_refused", age=timedelta(hours=1))),
    ("CODE-SIG-01", "a forged pay code", pay_code("credential_refused")),
    ("CODE-USED-01", "a pay code shown twice", spent_code),
    ("offline_too_long", "a grant of two hours ago", offline(issued_at=1)),
    ("offline_card_unchecked", "a typed number", offline(card=NUMBER)),
    ("offline_card_hot", "a card on the hot list",
     offline(hot=(Identity("qr", b"87001234567890123458"),))),
    ("offline_limit_single", "10.01 where 10.00 is the most", offline("10.01")),
    ("offline_limit_card", "a card's ninth 10.00 of 80.00", offline("10", times=9, count=99)),
    ("offline_limit_terminal", "the third of two", offline(times=3, count=2)),
    ("pin_required", "a purchase above the PIN's floor", pay_code("pin_required")),
    ("amount_invalid", "an amount of letters", run("redeem", "--amount", "x", *QR)),
    ("no_card", "an empty reader", run(*SALE, "--wait", "0.2")),
    ("nothing_to_undo", "a void in an empty batch", run("void")),
    ("nothing_held", "a capture without a hold", run("capture")),
    ("nothing_to_park", "nothing torn", run("park")),
    ("nothing_to_close", "an empty batch", run("close")),
]  # fmt: skip
