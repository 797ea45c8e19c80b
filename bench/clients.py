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
    variables = {"cards": ACCOUNTS // clients, "sequence": next(_runs) * RUN_WIDTH}
    done = subprocess.run(
        [
            *[str(site.pgbench), "--no-vacuum", "--protocol", "prepared", "--client", str(clients)],
            *["--jobs", str(min(2, clients)), "--time", str(max(1, round(seconds))), "--file", str(path)],
            *[word for name, value in variables.items() for word in ("--define", f"{name}={value}")],
            *["--host", site.sockets, "--username", APP_ROLE, DATABASE_NAME],
        ],
        env=os.environ | {"PGOPTIONS": f"-c search_path={search_path}"},
        capture_output=True,
        text=True,
    )
    found = re.search(r"^tps = ([\d.]+)", done.stdout, re.MULTILINE)
    if done.returncode or not found or re.search(r"aborted|ERROR", done.stderr):
        raise SystemExit(f"pgbench failed:\n{done.stderr}\n{done.stdout}")
    return float(found.group(1))
