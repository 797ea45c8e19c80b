"""How a command, the site or a test comes to have a database.

Knows DATABASE_URL and the embedded cluster; must not know what is stored in it.
"""

import fcntl
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from prepaid.runner.binaries import DatabaseError
from prepaid.runner.cluster import APP_ROLE, THROWAWAY_PREFIX, Cluster, embedded_url
from prepaid.runner.environment import BASE_FOLDER, SettingError, data_folder, flag, unusable

KEEPER_EXIT_TIMEOUT_S = 30.0

# The locks held here, by cluster folder. A lock lives as long as its descriptor, which is never closed.
held_locks: dict[Path, int] = {}


def embedded_cluster() -> Cluster:
    return Cluster(data_folder() / "postgres")


def start_unless_given() -> None:
    """Start the embedded database, unless DATABASE_URL names a server; end with a sentence on failure."""
    try:
        if os.environ.get("DATABASE_URL"):
            return
        if not flag("DEBUG", True):
            raise DatabaseError(
                "DEBUG=0 needs DATABASE_URL: the embedded database is for development and trials."
            )
        start(embedded_cluster())
    except (DatabaseError, SettingError) as error:
        sys.exit(str(error))


def start_throwaway() -> Cluster:
    """Start a cluster for one run of the tests, which goes when its last user goes."""
    cluster = Cluster(Path(tempfile.mkdtemp(prefix=THROWAWAY_PREFIX)) / "postgres", throwaway=True)
    cluster.folder.parent.chmod(0o755)
    start(cluster)
    return cluster


def start(cluster: Cluster) -> int:
    """Use a cluster until this ends: hold its shared lock, and start its keeper if there is none.

    Returns the lock's descriptor, for children that shall hold it too. Raises DatabaseError.
    """
    if cluster.folder in held_locks:
        return held_locks[cluster.folder]
    try:
        cluster.folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        # Waits while a keeper that found itself alone stops its server.
        users = lock(cluster.folder / "users.lock", fcntl.LOCK_SH)
        start_lock = lock(cluster.folder / "start.lock", fcntl.LOCK_EX)
    except OSError as error:
        raise DatabaseError(unusable(cluster.folder.parent, error)) from error
    try:
        if not has_keeper(cluster):
            start_keeper(cluster)
    except BaseException:
        os.close(users)
        raise
    finally:
        os.close(start_lock)
    held_locks[cluster.folder] = users
    return users


def has_tables(cluster: Cluster) -> bool:
    """Say whether a started cluster was ever migrated."""
    place = make_conninfo(**embedded_url(cluster, APP_ROLE), connect_timeout=5)
    with psycopg.connect(place) as connection:
        row = connection.execute("select to_regclass('public.django_migrations') is not null").fetchone()
    return bool(row and row[0])


def lock(path: Path, operation: int) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(descriptor, operation)
    return descriptor


def has_keeper(cluster: Cluster) -> bool:
    descriptor = os.open(cluster.folder / "keeper.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        return not try_lock(descriptor, fcntl.LOCK_EX)
    finally:
        os.close(descriptor)


def start_keeper(cluster: Cluster) -> None:
    command = [sys.executable, "-m", "prepaid.runner.keeper", str(cluster.folder)]
    if cluster.throwaway:
        command.append("--throwaway")
    with subprocess.Popen(
        command,
        cwd=BASE_FOLDER,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        start_new_session=True,
        text=True,
    ) as keeper:
        assert keeper.stdout is not None
        answer = keeper.stdout.readline().strip()
        # The keeper stays: leaving the block must not wait for it.
        keeper.returncode = 0
    if answer != "ready":
        raise DatabaseError(
            answer.removeprefix("failed: ") or "The keeper of the database ended before it began."
        )


def leave(cluster: Cluster, timeout_s: float) -> None:
    """Stop using a cluster, and wait for its server's end unless others use it. Raises DatabaseError."""
    held = held_locks.pop(cluster.folder, None)
    if held is None:
        return
    os.close(held)
    deadline = time.monotonic() + timeout_s
    while has_keeper(cluster):
        if has_other_users(cluster):
            return
        if time.monotonic() > deadline:
            raise DatabaseError(f"The database in {cluster.folder} did not stop.")
        time.sleep(0.05)


def has_other_users(cluster: Cluster) -> bool:
    """Whether anyone else uses the cluster: a shared lock can then be had, and an exclusive one cannot."""
    descriptor = os.open(cluster.folder / "users.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if not try_lock(descriptor, fcntl.LOCK_SH):
            return False
        return not try_lock(descriptor, fcntl.LOCK_EX)
    finally:
        os.close(descriptor)


def try_lock(descriptor: int, operation: int) -> bool:
    try:
        fcntl.flock(descriptor, operation | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
