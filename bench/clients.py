"""pgbench: the same number of clients, over the same socket, with a prepared statement each.

Knows how to call it and read it; must not know what a script does.
"""

from __future__ import annotations

import itertools
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

from bench.shop import ACCOUNTS
from bench.site import Site
from prepaid.runner.cluster import APP_ROLE, DATABASE_NAME

# SUN counters and sequences rise from round to round: each run of pgbench begins where none has been.
RUN_WIDTH = 1_000_000
WARM_UP_S = 2
_runs = itertools.count(1)


def pgbench(
    site: Site, script: str, *, clients: int, search_path: str = "public"
) -> Callable[[float], float]:
    """Give what measures a script: for so many seconds with these clients, in transactions a second.

    Each client draws from cards of its own, so that no two wait for one card in any script.
    """
    path = site.folder / f"script-{abs(hash(script))}.sql"
    path.write_text(script)

    def measure(seconds: float) -> float:
        return run(site, path, clients=clients, search_path=search_path, seconds=seconds)

    return measure


def run(site: Site, path: Path, *, clients: int, search_path: str, seconds: float) -> float:
    """Run pgbench without counting its first seconds: a site's connections have planned long ago."""
    variables = {"cards": ACCOUNTS // clients, "sequence": next(_runs) * RUN_WIDTH}
    time_s = WARM_UP_S + max(1, round(seconds))
    done = subprocess.run(
        [
            *[str(site.pgbench), "--no-vacuum", "--protocol", "prepared", "--client", str(clients)],
            *["--jobs", str(min(2, clients)), "--time", str(time_s), "--progress", "1", "--file", str(path)],
            *[word for name, value in variables.items() for word in ("--define", f"{name}={value}")],
            *["--host", site.sockets, "--username", APP_ROLE, DATABASE_NAME],
        ],
        env=os.environ | {"PGOPTIONS": f"-c search_path={search_path}"},
        capture_output=True,
        text=True,
    )
    total = re.search(r"actually processed: (\d+)(?s:.*)^tps = ([\d.]+)", done.stdout, re.MULTILINE)
    told = re.findall(r"^progress: ([\d.]+) s, ([\d.]+) tps", done.stderr, re.MULTILINE)[:WARM_UP_S]
    if done.returncode or not total or len(told) < WARM_UP_S or re.search(r"aborted|ERROR", done.stderr):
        raise SystemExit(f"pgbench failed:\n{done.stderr}\n{done.stdout}")
    transactions, tps = int(total.group(1)), float(total.group(2))
    # The last line of progress comes or not, so what counts is the whole less the warm-up.
    warm_s, warm_transactions, before_s = 0.0, 0.0, 0.0
    for second, rate in told:
        warm_s = float(second)
        warm_transactions += float(rate) * (warm_s - before_s)
        before_s = warm_s
    return (transactions - warm_transactions) / (transactions / tps - warm_s)
