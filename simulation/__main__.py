"""`./run simulate`: a chain of shops for days of compressed time; exit code 1 when anything does not agree."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from datetime import time as time_of_day
from zoneinfo import ZoneInfo

from bench.site import Site, own_site
from bench.web import HOST, web_server
from prepaid.runner.programs import web_program
from prepaid.runner.supervisor import StopRequested, on_signals, request_stop
from simulation.clock import VARIABLE, Clock
from simulation.plan import CARDS_EACH_MIN, PARTS, Plan, Size, make_plan

TERMINALS_MAX = 24
LIMITS = {"stores": (1, 12), "terminals": (1, 8), "cards": (1, 1_000), "days": (2, 31)}
SETS_UP_AT = time_of_day(8)
TIMEZONE = ZoneInfo("Asia/Shanghai")
WEB = ("prepaid.wsgi:application", "simulation.wsgi:application")


def main(arguments: Sequence[str] | None = None) -> int:
    choices = read_choices(arguments)
    size = Size(choices.stores, choices.terminals, choices.cards, choices.days)
    with on_signals(request_stop):
        try:
            return simulate(size, choices.seed, choices.load)
        except StopRequested:
            say("Stopped; nothing is left running, and nothing was kept.")
            return 130


def read_choices(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line; argparse ends with a sentence and code 2 where a number is out of bounds."""
    parser = argparse.ArgumentParser(prog="./run simulate", description=__doc__)
    parser.add_argument("--stores", type=int, default=3)
    parser.add_argument("--terminals", type=int, default=2, help="in each store")
    parser.add_argument("--cards", type=int, default=200)
    parser.add_argument("--days", type=int, default=7)
    parser.add_argument("--seed", type=int, default=20261123, help="the same seed plans the same days")
    parser.add_argument("--load", action="store_true", help="then as fast as it can: a rate")
    choices = parser.parse_args(arguments)
    for name, (least, most) in LIMITS.items():
        if not least <= getattr(choices, name) <= most:
            parser.error(f"--{name} is {least} to {most}")
    terminals = choices.stores * choices.terminals
    if not 2 <= terminals <= TERMINALS_MAX:
        parser.error(f"there are 2 to {TERMINALS_MAX} terminals in all: --stores times --terminals")
    if choices.cards < CARDS_EACH_MIN * terminals:
        parser.error(f"each terminal needs {CARDS_EACH_MIN} cards: --cards {CARDS_EACH_MIN * terminals}")
    return choices


def simulate(size: Size, seed: int, with_load: bool) -> int:
    """Run the whole simulation. Returns the exit code."""
    started = time.monotonic()
    plan = make_plan(size, seed)
    visits = sum(len(shift.visits) for shifts in plan.shifts for shift in shifts)
    say(
        f"{size.stores} stores, {size.all_terminals} terminals, {len(plan.openings)} cards, {size.days} days: "
        f"{visits} visits planned from seed {seed}. Making a database of its own."
    )
    first_day = datetime.now(TIMEZONE).date() + timedelta(days=1)
    with own_site() as site:
        clock = Clock(site.folder / "clock")
        clock.move_to(datetime.combine(first_day, SETS_UP_AT, TIMEZONE))
        os.environ[VARIABLE] = str(clock.file)
        command = [word.replace(*WEB) for word in web_program(HOST, 0).command]
        command[command.index("--port") + 1] = "PORT"
        with web_server(command) as port:
            agrees = run_days(site, size, plan, clock, first_day, port)
            if with_load:
                agrees = run_load(site, size) and agrees
    say(f"Took {time.monotonic() - started:.0f} seconds.")
    return 0 if agrees else 1


def run_days(site: Site, size: Size, plan: Plan, clock: Clock, first_day: date, port: int) -> bool:
    """Open the chain, run its days and print the report. Returns whether everything agrees."""
    from simulation.books import compare
    from simulation.chain import open_chain
    from simulation.days import Days, stopped_at_last
    from simulation.report import day_line, write_report

    at = datetime.combine(first_day, SETS_UP_AT, TIMEZONE)
    chain = open_chain(site.folder, size, plan, site_port=port, at=at)
    say(f"The chain is open: {', '.join(post.name for post in chain.posts)}, {len(PARTS)} parts a day.")
    with stopped_at_last(Days(chain, plan, clock, first_day)) as days:
        record = days.run(lambda day, worked, night: say(day_line(day, worked, night)))
    books = compare(chain, plan, record)
    say("\n".join(write_report(plan, record, books)))
    return not books.differences


def run_load(site: Site, size: Size) -> bool:
    raise NotImplementedError


def say(text: str) -> None:
    """Print at once: whoever watches sees it when it happens."""
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
