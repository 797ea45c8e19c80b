"""The command line: its words, options and help; what each word does stands in actions.py and its neighbours.

Knows argparse and the exit codes; must not know how a command does its work.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias
from uuid import UUID

from terminals import __version__, actions, personalising, running, upkeep
from terminals.amounts import UNITS
from terminals.errors import TerminalError
from terminals.identifiers import is_uuid7
from terminals.results import EXIT_TEXTS, result_of_error
from terminals.simulator.commands import add_arguments as add_simulator_arguments
from terminals.state import FOLDER_DEFAULT, READER_DEFAULT
from terminals.transactions import HOLD_GOOD_FOR

if TYPE_CHECKING:
    Subparsers: TypeAlias = argparse._SubParsersAction[argparse.ArgumentParser]

WAIT_S_DEFAULT = 30.0
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit code returns."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # Where the locale has no Chinese, a question mark is better than no answer.
            stream.reconfigure(errors="replace")
    parsed = parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], int] = parsed.run
    try:
        return run(parsed)
    except TerminalError as error:
        return actions.tell(parsed, result_of_error(error))
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has gone: what was done is done and stands in the journal.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        # Nobody foresaw it: support reads the whole story, a script gets its one object all the same.
        traceback.print_exc()
        return actions.tell(parsed, result_of_error(TerminalError("SW-APP-01", repr(error))))


def parser() -> argparse.ArgumentParser:
    """Make the parser of every command."""
    codes = "\n".join(f"  {code.value}  {text}" for code, text in EXIT_TEXTS.items())
    top = argparse.ArgumentParser(
        prog="python -m terminals",
        description="The agent of a card terminal: reads cards, keeps a journal, posts to the site.",
        epilog=f"exit codes:\n{codes}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=__version__)
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    common = _common()
    _add_enrol(commands, common)
    _add_run(commands, common)
    _add_sales(commands, common)
    _add_undo(commands, common)
    _add_personalise(commands, common)
    _add_park(commands, common)
    _add_upkeep(commands, common)
    add_simulator_arguments(commands)
    return top


def _common() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--state",
        type=Path,
        metavar="DIR",
        default=Path(os.environ.get("PREPAID_TERMINAL_STATE", FOLDER_DEFAULT)),
        help=f"the terminal's own folder (default {FOLDER_DEFAULT})",
    )
    common.add_argument("--lang", choices=("en", "zh"), default=_language(), help="language of what is shown")
    common.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    return common


def _add_enrol(commands: Subparsers, common: argparse.ArgumentParser) -> None:
    command = commands.add_parser("enrol", parents=[common], help="make this machine a terminal of a store")
    command.add_argument("--site", required=True, metavar="URL", help="for example https://cards.example.com")
    command.add_argument("--code", required=True, help="the enrolment code that the manager gave")
    command.add_argument("--reader", default=READER_DEFAULT, help=_READER_HELP)
    command.add_argument("--scanner", help=_SCANNER_HELP)
    command.set_defaults(run=actions.enrol)


def _add_run(commands: Subparsers, common: argparse.ArgumentParser) -> None:
    command = commands.add_parser("run", parents=[common], help="sell: the full-screen terminal")
    command.add_argument("--reader", help=_READER_HELP)
    command.add_argument("--scanner", help=_SCANNER_HELP)
    command.add_argument("--operator", metavar="CODE", help="who is at the terminal")
    command.add_argument(
        "--headless", action="store_true", help="no screen: taps show the card at the paired counter"
    )
    command.add_argument(
        "--stay", action="store_true", help="with --headless: come back when the other agent has ended"
    )
    command.set_defaults(run=running.run)


def _add_sales(commands: Subparsers, common: argparse.ArgumentParser) -> None:
    card = argparse.ArgumentParser(add_help=False)
    card.add_argument("--reader", help=_READER_HELP)
    card.add_argument("--scanner", help=_SCANNER_HELP)
    card.add_argument("--wait", type=_seconds, default=WAIT_S_DEFAULT, metavar="SECONDS", help="for a card")
    card.add_argument("--number", help="the printed card number, in place of a tap")
    card.add_argument("--pin", help="the card's PIN, with whatever shows the card; - reads standard input")
    card.add_argument("--qr", metavar="CODE", help="the card's printed code, in place of a tap")
    card.add_argument(
        "--code",
        metavar="TEXT",
        help="what was scanned or typed: pay code, printed code or number; - reads it",
    )
    sale = argparse.ArgumentParser(add_help=False)
    sale.add_argument("--amount", required=True, help="in major units, such as 12.50")
    sale.add_argument(
        "--currency",
        choices=tuple(UNITS),
        help="a unit in place of the store's money: XVS visits, XMN minutes, XPV privileges",
    )
    sale.add_argument(
        "--id", type=_id, metavar="UUID", help="UUIDv7 of the transaction: again gives the same one"
    )
    sale.add_argument("--operator", metavar="CODE", help="who is at the terminal")

    redeem = commands.add_parser("redeem", parents=[common, card, sale], help="spend from a card")
    redeem.add_argument("--partial", action="store_true", help="take what the card has, if it has less")
    redeem.set_defaults(run=actions.redeem)
    hold = commands.add_parser("hold", parents=[common, card, sale], help="reserve value of a card")
    hold.add_argument("--days", type=_days, default=HOLD_GOOD_FOR.days, help="how long (default 7)")
    hold.set_defaults(run=actions.hold)
    load = commands.add_parser("load", parents=[common, card, sale], help="top a card up")
    load.add_argument(
        "--tender",
        default="cash",
        choices=("cash", "bank_card", "alipay", "wechat_pay", "bank_transfer"),
        help="how the money came in (default cash)",
    )
    load.add_argument("--reference", help="the tender's own reference")
    load.add_argument("--price", help="what units cost, in the store's money; else as their program says")
    load.set_defaults(run=actions.load)
    balance = commands.add_parser("balance", parents=[common, card], help="show a card's balance")
    balance.set_defaults(run=actions.balance)


def _add_personalise(commands: Subparsers, common: argparse.ArgumentParser) -> None:
    command = commands.add_parser(
        "personalise",
        parents=[common],
        help="make the blank on the reader an issued card; again goes on where it broke off",
    )
    command.add_argument("--card", required=True, metavar="NUMBER", help="the number of the issued card")
    command.add_argument("--reader", help=_READER_HELP)
    command.add_argument(
        "--wait", type=_seconds, default=WAIT_S_DEFAULT, metavar="SECONDS", help="for a blank"
    )
    command.set_defaults(run=personalising.personalise)


def _add_undo(commands: Subparsers, common: argparse.ArgumentParser) -> None:
    which = argparse.ArgumentParser(add_help=False)
    named = which.add_mutually_exclusive_group()
    named.add_argument("--original", type=_id, metavar="UUID", help="which one (default: the last)")
    named.add_argument("--rrn", metavar="REFERENCE", help="which one, by its receipt")
    which.add_argument("--operator", metavar="CODE", help="who is at the terminal")
    void = commands.add_parser(
        "void", parents=[common, which], help="undo a known transaction of the open batch"
    )
    void.set_defaults(run=actions.void)
    once = argparse.ArgumentParser(add_help=False)
    once.add_argument("--id", type=_id, metavar="UUID", help="UUIDv7: again gives the same transaction")
    capture = commands.add_parser("capture", parents=[common, which, once], help="spend from a hold")
    capture.add_argument("--amount", help="in major units, such as 12.50 (default: all that is held)")
    capture.set_defaults(run=actions.capture)
    release = commands.add_parser("release", parents=[common, which, once], help="give a hold back whole")
    release.set_defaults(run=actions.release)
    reverse = commands.add_parser(
        "reverse", parents=[common], help="undo a transaction whose answer never came"
    )
    reverse.add_argument("--original", type=_id, metavar="UUID", help="which one (default: the oldest)")
    reverse.add_argument("--operator", metavar="CODE", help="who is at the terminal")
    reverse.set_defaults(run=actions.reverse)


def _add_park(commands: Subparsers, common: argparse.ArgumentParser) -> None:
    park = commands.add_parser(
        "park", parents=[common], help="put a transaction without a known outcome aside, to take other cards"
    )
    park.add_argument("--original", type=_id, metavar="UUID", help="which one (default: the oldest)")
    park.set_defaults(run=actions.park)


def _add_upkeep(commands: Subparsers, common: argparse.ArgumentParser) -> None:
    queue = commands.add_parser("queue", parents=[common], help="list transactions without a known outcome")
    queue.add_argument("--resolve", action="store_true", help="find out their outcomes now")
    queue.add_argument("--export", action="store_true", help="print the whole journal as lines of JSON")
    queue.set_defaults(run=actions.queue)
    close = commands.add_parser("close", parents=[common], help="close the batch and compare its totals")
    close.set_defaults(run=actions.close)
    _add_care(commands, common)


def _add_care(commands: Subparsers, common: argparse.ArgumentParser) -> None:
    doctor = commands.add_parser("doctor", parents=[common], help="look what is wrong with this terminal")
    doctor.add_argument("--reader", help=_READER_HELP)
    doctor.add_argument("--all", action="store_true", help="look at what lies after the first fault as well")
    doctor.add_argument("--scan", action="store_true", help="test the scanner with the test sheet")
    doctor.add_argument(
        "--customer", action="store_true", help="with --scan: a customer's code would not read just now"
    )
    doctor.add_argument("--scanner", help=f"{_SCANNER_HELP} (default: the terminal's own, else it types)")
    doctor.add_argument(
        "--tap", type=_seconds, metavar="SECONDS", help="wait so long for the test card on the reader"
    )
    doctor.set_defaults(run=upkeep.doctor)
    sheet = commands.add_parser("test-sheet", parents=[common], help="make the sheet of the test code")
    sheet.add_argument("--output", type=Path, metavar="FILE", help="where to write it (default: printed)")
    sheet.set_defaults(run=upkeep.test_sheet)
    recover = commands.add_parser(
        "recover", parents=[common], help="send what a failed terminal still had, from its journal file"
    )
    recover.add_argument("--journal", type=Path, required=True, metavar="FILE", help="its journal.sqlite")
    recover.set_defaults(run=upkeep.recover)


_READER_HELP = "usb, usb:serial:NUMBER, pcsc, pcsc:NAME, tty:USB0:pn532 or udp:HOST:PORT; several with commas"
_SCANNER_HELP = "serial:/dev/ttyACM0[:9600] or hid:/dev/input/by-id/..., beside the reader"


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds <= 3600:
        raise ValueError
    return seconds


def _days(text: str) -> float:
    days = float(text)
    if not 60 / 86_400 <= days <= 366:
        raise ValueError
    return days


def _id(text: str) -> UUID:
    value = UUID(text)
    if not is_uuid7(value):
        raise argparse.ArgumentTypeError("not a UUIDv7")
    return value


def _language() -> str:
    locale = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG") or ""
    return "zh" if locale.startswith("zh") else "en"
