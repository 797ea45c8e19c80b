"""The bench's own site: a durable database in a folder of its own, migrated, and removed at the end.

Knows how a site comes to run; must not know what is measured. Imports Django only once the folder is chosen.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import psycopg

from prepaid.runner import database
from prepaid.runner.binaries import database_account, find_binaries, make_reachable
from prepaid.runner.cluster import APP_ROLE, DATABASE_NAME, OWNER_ROLE, SUPERUSER, Cluster, embedded_url
from prepaid.runner.environment import BASE_FOLDER

STOP_TIMEOUT_S = 60.0
FSYNC_SAMPLES = 50
FOREIGN = ("DATABASE_URL", "DATABASE_OWNER_URL", "CELERY_BROKER_URL", "DEBUG", "PREPAID_DATABASE_ROLE")


@dataclass(frozen=True)
class Site:
    """A migrated database that this process alone uses."""

    folder: Path
    sockets: str
    pgbench: Path

    def connect(self, role: str = APP_ROLE) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(host=self.sockets, dbname=DATABASE_NAME, user=role, autocommit=True)

    def connect_as_owner(self) -> psycopg.Connection[tuple[object, ...]]:
        return self.connect(OWNER_ROLE)

    def connect_as_superuser(self) -> psycopg.Connection[tuple[object, ...]]:
        return self.connect(SUPERUSER)


@contextlib.contextmanager
def own_site() -> Iterator[Site]:
    """Start a durable database (fsync and synchronous_commit on), migrate it, and remove it afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="prepaid-bench-"))
    folder.chmod(0o755)
    for name in FOREIGN:
        os.environ.pop(name, None)
    os.environ |= {"PREPAID_DATA": str(folder), "DJANGO_SETTINGS_MODULE": "prepaid.settings"}
    cluster = Cluster(folder / "postgres")
    try:
        database.start(cluster)
        migrate()
        import django

        django.setup()
        binaries = make_reachable(find_binaries(), database_account())
        sockets = embedded_url(cluster, APP_ROLE)["host"]
        yield Site(folder, sockets, binaries.folder / "pgbench")
    finally:
        close_connections()
        database.leave(cluster, STOP_TIMEOUT_S)
        shutil.rmtree(cluster.tables_folder(database_account()), ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)


def migrate() -> None:
    done = subprocess.run(
        [sys.executable, str(BASE_FOLDER / "manage.py"), "migrate", "--verbosity", "0"],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit(f"The tables could not be made:\n{done.stderr.strip()}")


def close_connections() -> None:
    if "django" in sys.modules:
        from django.db import connections

        connections.close_all()


def fsync_ms(folder: Path) -> float:
    """Measure what one small write to disk takes here, which no commit undercuts: the median."""
    took = []
    with (folder / "fsync").open("wb") as file:
        for _ in range(FSYNC_SAMPLES):
            started = time.perf_counter()
            file.write(b"x" * 512)
            file.flush()
            os.fdatasync(file.fileno())
            took.append(time.perf_counter() - started)
    return median(took) * 1000
