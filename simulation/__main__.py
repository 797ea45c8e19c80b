"""`./run simulate`: a chain of shops for some compressed days; exit code 1 when something does not agree."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from prepaid.runner.supervisor import STOP_SIGNALS, StopRequested, on_signals
from simulation.plan import CARDS_EACH_MIN, Size
from simulation.planner import make_plan
from simulation.progress import say, show
from simulation.steps import ShiftFailed

if TYPE_CHECKING:
    from simulation.days import Days

TERMINALS_MAX = 24
BOUNDS = {"stores": (1, 12), "terminals": (1, 8), "cards": (1, 1_000), "days": (2, 31), "load": (0, 600)}
LOAD_S = 10


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for. Returns the exit code."""
    choices = read_choices(arguments)
    size = Size(choices.stores, choices.terminals, choices.cards, choices.days)
    with on_signals(stop_once):
        try:
            return simulate(size, choices.seed, load_s=choices.load)
        except StopRequested:
            say("Stopped. Nothing is left running, and nothing was kept.")
            return 130
        except ShiftFailed as failed:
            say(f"The simulation itself failed: {failed}.")
            return 1


def read_choices(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line; argparse ends with a sentence and code 2 where a number is out of bounds."""
    parser = argparse.ArgumentParser(prog="./run simulate", description=__doc__)
    parser.add_argument("--stores", type=int, default=3)
    parser.add_argument("--terminals", type=int, default=2, help="in each store")
    parser.add_argument("--cards", type=int, default=200)
    parser.add_argument("--days", type=int, default=7)
    parser.add_argument("--seed", type=int, default=20261123, help="the same seed plans the same days")
    parser.add_argument(
        "--load", type=int, nargs="?", const=LOAD_S, default=0, metavar="SECONDS",
        help=f"afterwards, as fast as it can, for {LOAD_S} seconds or so many",
    )  # fmt: skip
    choices = parser.parse_args(arguments)
    for name, (least, most) in BOUNDS.items():
        if not least <= getattr(choices, name) <= most:
            parser.error(f"--{name} is {least} to {most}")
    terminals = choices.stores * choices.terminals
    if not 2 <= terminals <= TERMINALS_MAX:
        parser.error(f"there are 2 to {TERMINALS_MAX} terminals in all: --stores times --terminals")
    if choices.cards < CARDS_EACH_MIN * terminals:
        parser.error(f"{terminals} terminals need at least --cards {CARDS_EACH_MIN * terminals}")
    return choices


def simulate(size: Size, seed: int, *, load_s: float) -> int:
    """Run the days, and the load where it is for more than no seconds. Returns the exit code."""
    started = time.monotonic()
    plan = make_plan(size, seed)
    say(
        f"{size.stores} stores, {size.all_terminals} terminals and a spare, {len(plan.openings)} cards, "
        f"{size.days} days: {plan.visits} visits, planned from seed {seed}."
    )
    show("Making a database of its own.")
    # Settings are read when these are imported, and the database is chosen before.
    from simulation.site import own_chain

    with own_chain(size, plan) as (_, days):
        differences = run(days, load_s=load_s)
    say(f"Took {time.monotonic() - started:.0f} seconds.")
    return 1 if differences else 0


def run(days: Days, *, load_s: float) -> list[str]:
    """Run the days of a chain that is open, and print what came of them. Returns every difference."""
    from simulation.books import compare
    from simulation.load import measure
    from simulation.report import DAYS_HEAD, day_line, load_lines, write_report

    say(f"The chain is open: {', '.join(post.name for post in days.chain.posts)}.\n\n{DAYS_HEAD}")
    record = days.run(lambda day, worked, night: say(day_line(day, worked, night)))
    show("Comparing the books.")
    books = compare(days.chain, days.plan, record)
    say("\n".join(write_report(days.plan, record, books)))
    if not load_s:
        return books.differences
    say(f"\nAs fast as it can, for {load_s:g} seconds.")
    load = measure(days, load_s)
    say("\n".join(load_lines(load)))
    return books.differences + load.differences


def stop_once() -> None:
    """Stop at the first Ctrl-C; another one must not cut the cleaning up short."""
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    raise StopRequested


if __name__ == "__main__":
    sys.exit(main())
