"""Instructions that PostgreSQL runs for a statement, counted by valgrind: a busy machine changes nothing.

Knows single-user mode and callgrind; must not know what a statement does. A difference of two counts leaves
out start and planning.
"""

from __future__ import annotations

import itertools
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench.designs import DESIGNS, script_of, set_up
from bench.scripts import P0_STRICT, statement_of
from bench.shop import ACCOUNTS
from bench.site import STOP_TIMEOUT_S, Site, close_connections
from prepaid.runner import database
from prepaid.runner.binaries import database_account, find_binaries, make_reachable
from prepaid.runner.cluster import DATABASE_NAME, Cluster, clean_environment, run_as

FEW, MANY = 100, 300
CARDS, STRIDE = 50, 7919
SEQUENCES_FROM = 1_000_000_000_000


@dataclass(frozen=True)
class Count:
    """How many instructions one statement takes."""

    name: str
    instructions: float


def count_all(site: Site) -> list[Count]:
    """Count P0 and each design's redeem. The server is stopped for it: the site is of no use afterwards."""
    for design in DESIGNS:
        set_up(site, design)
    statements = [("P0", "public", statement_of(P0_STRICT))]
    statements += [
        (design.name, f"{design.schema}, public", statement_of(script_of(design))) for design in DESIGNS
    ]
    close_connections()
    cluster = Cluster(site.folder / "postgres")
    tables = cluster.tables_folder(database_account())
    database.leave(cluster, STOP_TIMEOUT_S)
    counts = []
    for name, path, statement in statements:
        print(f"  Counting {name}.", flush=True)
        few, many = (run(site, tables, path, lines_of(statement, count)) for count in (FEW, MANY))
        counts.append(Count(name, (many - few) / (MANY - FEW)))
    return counts


def lines_of(statement: str, count: int) -> list[str]:
    """Write the statement so many times, one a line, for cards that come again and again."""
    lines = []
    for number in itertools.islice(itertools.count(1), count):
        values = {
            ":client_id": "0",
            ":sequence": str(SEQUENCES_FROM + number),
            ":amount": str(number % 500 + 1),
            ":n": str(number % CARDS * STRIDE % ACCOUNTS + 1),
        }
        line = statement
        for variable, value in values.items():
            line = line.replace(variable, value)
        lines.append(line)
    return lines


def run(site: Site, tables: Path, path: str, lines: list[str]) -> int:
    """Run lines on a copy of the stopped database, and give the instructions of their execution."""
    account = database_account()
    copied = site.folder / "copied"
    shutil.rmtree(copied, ignore_errors=True)
    subprocess.run(["cp", "--archive", str(tables), str(copied)], check=True)
    postgres = make_reachable(find_binaries(), account).folder / "postgres"
    done = subprocess.run(
        [
            *["valgrind", "--tool=callgrind", "--toggle-collect=PortalRun", "--callgrind-out-file=/dev/null"],
            *[str(postgres), "--single", "-c", "fsync=off", "-D", str(copied), DATABASE_NAME],
        ],
        input="\n".join([f"set search_path = {path}", *lines, ""]),
        env=clean_environment(),
        cwd="/",
        capture_output=True,
        text=True,
        **run_as(account),  # type: ignore[call-overload]
    )
    collected = re.search(r"Collected : (\d+)", done.stderr)
    if collected is None or "ERROR" in done.stderr:
        raise SystemExit(f"The count failed:\n{done.stderr[-2000:]}")
    return int(collected.group(1))


def print_counts(counts: list[Count]) -> None:
    """Print each count with its ratio to the site's redeem as it is."""
    base = next(each for each in counts if each.name == DESIGNS[0].name)
    width = max(len(each.name) for each in counts)
    print(f"\n{'':{width}}  {'instructions':>12}  {'ratio':>5}")
    for each in counts:
        print(
            f"{each.name:{width}}  {each.instructions:>12,.0f}  {each.instructions / base.instructions:>5.2f}"
        )


def find_valgrind() -> str | None:
    return shutil.which("valgrind")
