"""`./run bench`: P0 against redeem in SQL, by HTTP and in batches, with the ledger audit's verdict."""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass

from bench.figures import Contender, Line, print_table, race
from bench.site import Site, fsync_ms, own_site

AIM_SQL = 0.55
AIM_HTTP = 0.15
HTTP_CLIENTS = 16
STRICT = "P0 in one statement"


@dataclass(frozen=True)
class Pace:
    """How many rounds, for how long each measures, and with how many clients."""

    rounds: int
    seconds: float
    clients: tuple[int, ...]


FULL = Pace(4, 2, (1, 8, 32))
QUICK = Pace(2, 1, (8,))


def main() -> int:
    parser = argparse.ArgumentParser(prog="./run bench", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="8 clients alone, fewer and shorter rounds: a minute"
    )
    parser.add_argument("--designs", action="store_true", help="compare the designs of docs/adr")
    parser.add_argument(
        "--instructions", action="store_true", help="count them for each design, with valgrind"
    )
    parser.add_argument("--orders", type=int, metavar="N", help="order N cards, make and load them")
    parser.add_argument("--only", choices=("sql", "http", "batches"), help="measure one part")
    choices = parser.parse_args()
    pace = QUICK if choices.quick else FULL
    started = time.monotonic()
    print("Making a database of its own, with fsync on.", flush=True)
    with own_site() as site:
        if choices.orders:
            return measure_an_order(site, choices.orders)
        prepare(site)
        print(f"One write to this disk takes {fsync_ms(site.folder):.2f} ms.", flush=True)
        if choices.instructions:
            return count_instructions(site)
        if choices.designs:
            print_table(measure_designs(site, pace))
        else:
            print_table(measure_redeem(site, pace, choices.only))
            print(EXPLAINED)
        clean = tell_audit()
    print(f"Took {time.monotonic() - started:.0f} seconds.")
    return 0 if clean else 1


EXPLAINED = """
P0 is one conditional UPDATE, one INSERT and one commit, prepared, as pgbench writes its own scripts: what a
program without a function does. Every ratio is to P0 at the same number of clients, measured in the same
rounds; "strict" is the ratio to the same work in one statement and one round trip, the least that any ledger
can do. "a second" tells only how busy this machine was. Each client spends from cards of its own."""


def measure_an_order(site: Site, quantity: int) -> int:
    """Measure an order of many cards. Returns the exit code."""
    from bench.orders import measure_orders

    print(f"One write to this disk takes {fsync_ms(site.folder):.2f} ms.", flush=True)
    measure_orders(quantity)
    return 0 if tell_audit() else 1


def prepare(site: Site) -> None:
    from bench.scripts import make_p0_tables
    from bench.shop import ACCOUNTS, open_shop

    print(f"Loading {ACCOUNTS:,} cards.", flush=True)
    open_shop(site)
    make_p0_tables(site)


def measure_redeem(site: Site, pace: Pace, only: str | None) -> list[Line]:
    """Measure what the product promises, or one part of it."""
    lines = []
    if only in (None, "sql"):
        tell_generator(site)
        for clients in pace.clients:
            lines += measure_sql(site, pace, clients)
    if only in (None, "http"):
        lines += measure_http(site, pace)
    if only in (None, "batches"):
        lines += measure_batches(site, pace)
    return lines


def measure_designs(site: Site, pace: Pace) -> list[Line]:
    """Measure what docs/adr decides between. Ratios are to the site as it is."""
    from bench.designs import measure_all

    return measure_all(site, rounds=pace.rounds, seconds=pace.seconds)


def measure_sql(site: Site, pace: Pace, clients: int) -> list[Line]:
    from bench.clients import pgbench
    from bench.scripts import redeem_script

    contenders = [
        *both_p0(site, clients),
        Contender("SQL redeem", pgbench(site, redeem_script(), clients=clients)),
    ]
    title = f"{clients} client{'s' if clients > 1 else ''}"
    return race(
        title,
        contenders,
        rounds=pace.rounds,
        seconds=pace.seconds,
        aims={"SQL redeem": AIM_SQL},
        beside=STRICT,
    )


def both_p0(site: Site, clients: int) -> list[Contender]:
    """Give P0 and its strict form, which every race is run against."""
    from bench.clients import pgbench
    from bench.scripts import P0, P0_STRICT

    return [
        Contender("P0", pgbench(site, P0, clients=clients)),
        Contender(STRICT, pgbench(site, P0_STRICT, clients=clients)),
    ]


def count_instructions(site: Site) -> int:
    """Count what timing on a busy machine cannot tell. Returns the exit code."""
    from bench.instructions import count_all, find_valgrind, print_counts

    if find_valgrind() is None:
        print(
            "valgrind is needed to count instructions and was not found (Debian: apt-get install valgrind)."
        )
        return 1
    print_counts(count_all(site))
    return 0


def tell_generator(site: Site) -> None:
    """Say what making ids, keys and times takes, which the redeem does and P0 needs less of."""
    from bench.clients import pgbench
    from bench.scripts import GENERATE

    per_second = pgbench(site, GENERATE, clients=1)(1)
    took_us = 1e6 / per_second
    print(
        f"Making the values of a redeem takes {took_us:.0f} us with its round trip, without a commit.",
        flush=True,
    )


def measure_http(site: Site, pace: Pace) -> list[Line]:
    from bench.taps import enrol_terminals
    from bench.web import redeems, warm_up, web_server

    tappings = enrol_terminals(site, HTTP_CLIENTS)
    with web_server() as port:
        warm_up(port, tappings)
        contenders = [
            *both_p0(site, HTTP_CLIENTS),
            Contender("HTTP redeem, signed", redeems(port, tappings)),
        ]
        return race(
            f"{HTTP_CLIENTS} clients",
            contenders,
            rounds=pace.rounds,
            seconds=pace.seconds + 0.5,
            aims={"HTTP redeem, signed": AIM_HTTP},
            beside=STRICT,
        )


def measure_batches(site: Site, pace: Pace) -> list[Line]:
    from bench.batches import batches, one_by_one, pipelined, together

    contenders = [
        *both_p0(site, 1),
        Contender("one by one, from Python", batches(site, one_by_one)),
        Contender("one pipeline, a commit each", batches(site, pipelined)),
        Contender("one pipeline, one commit", batches(site, together)),
    ]
    return race("batches of 500", contenders, rounds=pace.rounds, seconds=pace.seconds, beside=STRICT)


def tell_audit() -> bool:
    from prepaid.ledger.audit import audit

    findings = list(audit(findings_max=5))
    for finding in findings:
        print(f"The audit found {finding}")
    print("The ledger is NOT clean." if findings else "The ledger audit found nothing: the ledger is clean.")
    return not findings


if __name__ == "__main__":
    raise SystemExit(main())
