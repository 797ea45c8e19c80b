"""Keeps the embedded database running while anyone uses it, and stops it when the last user is gone.

Every user holds a shared lock on one file, which the kernel lets go however the user ends. This program,
detached from all of them, owns the server as its child, and stops it once it can take that lock for itself.
Must not import Django: it outlives the command that started it.
"""

import argparse
import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

import psycopg

from prepaid.runner.binaries import (
    Account,
    Binaries,
    DatabaseError,
    database_account,
    find_binaries,
    make_reachable,
)
from prepaid.runner.children import die_with_parent
from prepaid.runner.cluster import (
    THROWAWAY_PREFIX,
    Cluster,
    clean_environment,
    connect_as_superuser,
    make_folder,
    make_roles,
    make_tables,
    read_reason,
    run_as,
    server_command,
)

START_TIMEOUT_S = 120.0
WATCH_INTERVAL_S = 0.2
RESTARTS_MAX = 5
RESTARTS_WITHIN_S = 60.0
LOG_BYTES_MAX = 5_000_000
OWN_LOCK_TIMEOUT_S = 2.0


class Keeper:
    """The server of one cluster, and the right to start and stop it."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.account: Account = database_account()
        self.binaries: Binaries = make_reachable(find_binaries(), self.account)
        self.sockets: Path = cluster.socket_folder(self.account)
        self.tables: Path = make_tables(cluster, self.binaries, self.account)
        self.server: subprocess.Popen[bytes] | None = None
        make_folder(self.sockets, self.account)

    def start(self) -> None:
        """Start the server and wait until it answers. Raises DatabaseError when it does not."""
        if self.cluster.log_file.exists() and self.cluster.log_file.stat().st_size > LOG_BYTES_MAX:
            self.cluster.log_file.unlink()
        with self.cluster.log_file.open("ab") as log:
            self.server = subprocess.Popen(
                server_command(self.cluster, self.binaries, self.tables, self.sockets),
                env=clean_environment(),
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent(signal.SIGINT),
                **run_as(self.account),  # type: ignore[call-overload]
            )
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self.answers():
            if self.server.poll() is not None:
                raise DatabaseError(f"PostgreSQL did not start: {read_reason(self.cluster.log_file)}")
            if time.monotonic() > deadline:
                raise DatabaseError(f"PostgreSQL did not answer within {START_TIMEOUT_S:.0f} seconds.")
            time.sleep(0.02)

    def answers(self) -> bool:
        try:
            connect_as_superuser(self.sockets).close()
        except psycopg.OperationalError:
            return False
        return True

    def watch(self, users: IO[bytes]) -> None:
        """Stay until the last user is gone; start an ended server again, a bounded number of times."""
        starts: list[float] = []
        while not lock_exclusively(users):
            time.sleep(WATCH_INTERVAL_S)
            if self.server is None or self.server.poll() is None:
                continue
            now = time.monotonic()
            starts = [start for start in starts if now - start < RESTARTS_WITHIN_S] + [now]
            if len(starts) > RESTARTS_MAX:
                return
            self.restart()

    def restart(self) -> None:
        """Start again after a kill; the killed server's children may need a moment to let its memory go."""
        deadline = time.monotonic() + 10
        while True:
            try:
                return self.start()
            except DatabaseError:
                if time.monotonic() > deadline:
                    return None
                time.sleep(WATCH_INTERVAL_S)

    def stop(self) -> None:
        if self.server is None or self.server.poll() is not None:
            return
        self.server.send_signal(signal.SIGINT)
        try:
            self.server.wait(60)
        except subprocess.TimeoutExpired:
            self.server.send_signal(signal.SIGQUIT)
            self.server.wait()
        if self.sockets.parent != self.cluster.folder:
            # It stood in the temporary folder, where nothing is left lying about.
            with contextlib.suppress(OSError):
                self.sockets.rmdir()

    def clear_away(self) -> None:
        """Remove a throwaway cluster with the data folder that was made for it."""
        shutil.rmtree(self.sockets, ignore_errors=True)
        if self.cluster.place_file.exists():
            shutil.rmtree(self.tables.parent, ignore_errors=True)
        shutil.rmtree(self.cluster.folder, ignore_errors=True)
        if self.cluster.folder.parent.name.startswith(THROWAWAY_PREFIX):
            shutil.rmtree(self.cluster.folder.parent, ignore_errors=True)


def lock_exclusively(file: IO[bytes]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def lock_within(file: IO[bytes], timeout_s: float) -> bool:
    """Lock, allowing for one who only looks whether there is a keeper: that takes an instant."""
    deadline = time.monotonic() + timeout_s
    while not lock_exclusively(file):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def tell_starter(line: str) -> None:
    """Give the one line that the starter waits for, and let go of its pipe."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)


def keep(cluster: Cluster) -> int:
    with (
        (cluster.folder / "keeper.lock").open("ab") as own,
        (cluster.folder / "users.lock").open("ab") as users,
    ):
        if not lock_within(own, OWN_LOCK_TIMEOUT_S):
            tell_starter("failed: another keeper has this database.")
            return 1
        try:
            keeper = Keeper(cluster)
        except (DatabaseError, OSError) as error:
            tell_starter(f"failed: {error}")
            return 1
        try:
            keeper.start()
            make_roles(keeper.sockets)
        except (DatabaseError, OSError, psycopg.Error) as error:
            keeper.stop()
            tell_starter(f"failed: {error}")
            return 1
        tell_starter("ready")
        keeper.watch(users)
        keeper.stop()
        if cluster.throwaway:
            keeper.clear_away()
        return 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="prepaid.runner.keeper")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--throwaway", action="store_true")
    arguments = parser.parse_args()
    os.chdir("/")
    # Signals meant for the users reach it when they share a terminal; it leaves when they have left.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    return keep(Cluster(arguments.folder, throwaway=arguments.throwaway))


if __name__ == "__main__":
    sys.exit(main())
