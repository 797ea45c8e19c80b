"""The words `simulate` and `tap` of the command line.

Knows argparse and what a person reads; the work stands in server.py and control.py.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from terminals.errors import TerminalError
from terminals.simulator import control
from terminals.simulator.cards import counters_of, read_cards
from terminals.simulator.counters import Counters
from terminals.simulator.orders import HELP
from terminals.simulator.server import CardServer

LISTEN_DEFAULT = "127.0.0.1:54321"
CONTROL_DEFAULT = "54322"
CONTROL_VARIABLE = "PREPAID_SIMULATOR_CONTROL"
FAILED = 1

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


def add_arguments(subparsers: Subparsers) -> None:
    """Add the simulator's commands to a command line; each sets `run`, which returns the exit code."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--control",
        metavar="PATH_OR_PORT",
        default=os.environ.get(CONTROL_VARIABLE, CONTROL_DEFAULT),
        help=f"where the simulator takes orders (default {CONTROL_DEFAULT}, or ${CONTROL_VARIABLE})",
    )
    simulate = subparsers.add_parser(
        "simulate", parents=[common], help="serve virtual cards to a reader at udp:HOST:PORT"
    )
    simulate.add_argument(
        "--cards", type=Path, required=True, metavar="FILE", help="a file such as cards.json"
    )
    simulate.add_argument(
        "--listen", default=LISTEN_DEFAULT, metavar="HOST:PORT", help=f"default {LISTEN_DEFAULT}"
    )
    simulate.set_defaults(run=partial(_run, _simulate))
    tap = subparsers.add_parser(
        "tap", parents=[common], help="hold a virtual card to the reader: tap 1, tap away, tap list"
    )
    tap.add_argument("words", nargs="+", metavar="CARD|away|list", help="tap 3, tap 3 for 800, tap 1 2")
    tap.set_defaults(run=partial(_run, _tap))


def _simulate(options: argparse.Namespace) -> int:
    listen = control.parse_listen(options.listen)
    with Counters(counters_of(options.cards)) as counters:
        cards = read_cards(options.cards, counters, announce=_say)
        line = control.listen(options.control)
        typed = sys.stdin.fileno() if sys.stdin is not None and sys.stdin.isatty() else None
        try:
            server = CardServer(cards, listen=listen, control=line, say=_say, typed=typed)
        except OSError as error:
            line.close()
            raise control.SimulatorError(
                "SW-STATE-01", f"cannot listen at {options.listen}: {error.strerror}"
            ) from error
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: server.stop())
        signal.signal(signal.SIGTTIN, signal.SIG_IGN)
        host, port = server.address
        _say(f"{len(cards)} cards answer a reader at udp:{host}:{port}")
        _say(
            f"type: {HELP}"
            if typed is not None
            else f"orders are taken with: tap 1 --control {options.control}"
        )
        try:
            server.serve()
        finally:
            control.remove(options.control)
    return 0


def _tap(options: argparse.Namespace) -> int:
    is_obeyed, text = control.ask(options.control, " ".join(["tap", *options.words]))
    print(text, file=sys.stdout if is_obeyed else sys.stderr)
    return 0 if is_obeyed else FAILED


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the simulator alone."""
    top = argparse.ArgumentParser(prog="python -m terminals.simulator", description=__doc__.splitlines()[0])
    add_arguments(top.add_subparsers(required=True, metavar="COMMAND"))
    options = top.parse_args(arguments)
    code: int = options.run(options)
    return code


def _run(command: Callable[[argparse.Namespace], int], options: argparse.Namespace) -> int:
    """Run a command; what hinders it is one sentence, for no terminal and no money have a part in it."""
    try:
        return command(options)
    except TerminalError as error:
        print(error.detail, file=sys.stderr)
        return FAILED


def _say(text: str) -> None:
    with contextlib.suppress(BrokenPipeError):
        print(text, flush=True)
