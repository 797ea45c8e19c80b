"""A terminal opened for one command, and the card that is presented to it.

Knows the options that commands share; must not know what a command does with the card.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from terminals.doctor import find_cause
from terminals.errors import ConnectionFault, Refused
from terminals.faults import cause_of
from terminals.lock import AgentLock
from terminals.payloads import PayloadRefused, card_of
from terminals.presenting import Presented, T, tapped, wait_for_card, wait_for_tap, with_pin
from terminals.readers import Reader, ReaderError, Tap
from terminals.receipt import word
from terminals.state import StateFolder
from terminals.terminal import Terminal


@contextmanager
def opened(options: argparse.Namespace) -> Iterator[Terminal]:
    """Hold the lock and the terminal for one command; faults of reader and network are kept to be told."""
    folder = StateFolder(options.state)
    folder.enrolment()
    with (
        AgentLock(folder, "interactive"),
        Terminal(folder, operator=getattr(options, "operator", None)) as till,
    ):
        try:
            yield till
        except PayloadRefused as error:
            till.record_fault(error.code, error.detail, "scan" if _typed(options) is None else "keyed")
            raise
        except ConnectionFault as fault:
            cause = find_cause(folder, fault.code, reader=getattr(options, "reader", None))
            if cause is not None and cause.code:
                # The tree looked closer than the call that failed could.
                fault.code, fault.detail = cause.code, cause.detail.en if cause.detail else fault.detail
            till.record_fault(fault.code, fault.detail)
            raise
        except (ReaderError, Refused) as error:
            if isinstance(error, ReaderError) or error.code.startswith("NFC-"):
                till.record_fault(error.code, error.detail, "tap")
            raise


def present(
    options: argparse.Namespace, till: Terminal, prompt: str, *, spent_minor: int | None = None
) -> Presented | None:
    """Take the card that the options name, or wait for one, and have it prove itself; None: none came."""
    pin = sys.stdin.readline().strip() if options.pin == "-" else options.pin
    if (typed := _typed(options)) is not None:
        return Presented(with_pin(card_of(typed, entry="keyed"), pin))
    if options.code is not None:
        text = sys.stdin.readline() if options.code == "-" else options.code
        return Presented(with_pin(card_of(text, entry="scan"), pin))
    with contextlib.suppress(ConnectionFault, Refused):
        till.keep_ready()

    def use(presented: Presented) -> Presented:
        card = with_pin(till.card_to_present(presented, spent_minor), pin)
        return dataclasses.replace(presented, card=card)

    scanner = options.scanner or till.enrolment.scanner
    if not scanner:
        return wait_for_chip(options, till, prompt, lambda reader, tap: use(tapped(reader, tap)))
    _ask(options, prompt)
    return wait_for_card(
        reader=options.reader or till.enrolment.reader,
        scanner=scanner,
        wait_s=options.wait,
        use=use,
        tell=lambda code, detail: _tell(options, till, code, detail),
    )


def _typed(options: argparse.Namespace) -> str | None:
    """Give the number or printed code that was typed, which has a check digit either way."""
    number, qr = getattr(options, "number", None), getattr(options, "qr", None)
    return qr if number is None else number


def wait_for_chip(
    options: argparse.Namespace, till: Terminal, prompt: str, use: Callable[[Reader, Tap], T]
) -> T | None:
    """Wait for a tap alone, and use the card while it lies there; None when none came in time."""
    return wait_for_tap(
        options.reader or till.enrolment.reader,
        wait_s=options.wait,
        use=use,
        tell=lambda code, detail: _tell(options, till, code, detail),
        ready=lambda: _ask(options, prompt),
    )


def _ask(options: argparse.Namespace, prompt: str) -> None:
    print(f"{prompt} · {word('tap', options.lang)}", file=sys.stderr, flush=True)


def _tell(options: argparse.Namespace, till: Terminal, code: str, detail: str) -> None:
    till.record_fault(code, detail, "tap")
    print(getattr(cause_of(code).text, options.lang), file=sys.stderr, flush=True)
