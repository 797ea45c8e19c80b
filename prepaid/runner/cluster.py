"""The embedded database's folders, its first making, and how its server is called.

Knows PostgreSQL's files and switches; must not know who uses the database or when it stops.
"""

import hashlib
import os
import re
import secrets
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from prepaid.runner.binaries import (
    Account,
    Binaries,
    DatabaseError,
    database_account,
    is_reachable,
    root_owned_folder,
)
from prepaid.runner.environment import text

DATABASE_NAME = "prepaid"
OWNER_ROLE = "prepaid_owner"
APP_ROLE = "prepaid_app"
SUPERUSER = "postgres"
THROWAWAY_PREFIX = "prepaid-test-"
SOCKET_PATH_LENGTH_MAX = 85

SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "max_wal_size": "1GB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
    # A failed statement can hold a PIN or a card number: its text stays out of the log.
    "log_min_error_statement": "panic",
    "log_parameter_max_length_on_error": "0",
}
THROWAWAY_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
    # Tests that take an order of locks out wait for PostgreSQL to look, again and again.
    "deadlock_timeout": "50ms",
}


@dataclass(frozen=True)
class Cluster:
    """One embedded database. A throwaway one gives up durability and is removed at its end."""

    folder: Path
    throwaway: bool = False

    @property
    def place_file(self) -> Path:
        return self.folder / "place"

    @property
    def log_file(self) -> Path:
        return self.folder / "postgres.log"

    def tables_folder(self, account: Account) -> Path:
        """Find where the tables are, or choose where they shall be.

        Root's database stands elsewhere when the database's account may not reach the data folder;
        the file `place` then says where.
        """
        if self.place_file.exists():
            return Path(self.place_file.read_text().strip())
        inside = self.folder / "cluster"
        if inside.exists() or is_reachable(self.folder, account):
            return inside
        outside = root_owned_folder() / f"database-{secrets.token_hex(8)}"
        outside.mkdir(mode=0o700)
        os.chown(outside, account.user_id, account.group_id)
        (outside / "data-folder").write_text(f"{self.folder}\n")
        place = outside / "cluster"
        self.place_file.write_text(f"{place}\n")
        return place

    def socket_folder(self, account: Account) -> Path:
        folder = self.folder / "socket"
        if len(os.fsencode(folder)) <= SOCKET_PATH_LENGTH_MAX and is_reachable(self.folder, account):
            return folder
        mark = hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"prepaid-{mark}"


def embedded_url(cluster: Cluster, role: str) -> dict[str, str]:
    """Return the connection parameters of the embedded database for this role, whether or not it runs."""
    return {
        "host": str(cluster.socket_folder(database_account())),
        "dbname": DATABASE_NAME,
        "user": role,
    }


def clean_environment() -> dict[str, str]:
    """Return an environment without a variable that could mislead PostgreSQL."""
    return {"PATH": text("PATH", os.defpath), "LC_ALL": "C", "HOME": "/"}


def make_folder(folder: Path, account: Account) -> None:
    """Make a folder that only the account may enter; refuse one that is another's."""
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() != account.user_id:
        os.chown(folder, account.user_id, account.group_id)
        status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != account.user_id or status.st_mode & 0o077:
        raise DatabaseError(
            f"{folder} must be a folder that only {account.name or 'you'} may enter: remove it."
        )


def run_as(account: Account) -> dict[str, object]:
    """Return subprocess arguments that give up root for the account; none when this is not root."""
    if os.geteuid() != 0:
        return {}
    return {"user": account.user_id, "group": account.group_id, "extra_groups": []}


def make_tables(cluster: Cluster, found: Binaries, account: Account) -> Path:
    """Make the cluster's files when there are none, whole or not at all; return their folder.

    Raises DatabaseError when the files are of another version of PostgreSQL, or cannot be made.
    """
    tables = cluster.tables_folder(account)
    version_file = tables / "PG_VERSION"
    if version_file.exists():
        version = int(version_file.read_text())
        if version != found.version:
            raise DatabaseError(
                f"The database in {tables} was made by PostgreSQL {version}, and {found.folder} is version "
                f"{found.version}: set PG_BIN to version {version}, or use another --data."
            )
        return tables
    if tables.exists() and any(tables.iterdir()):
        raise DatabaseError(f"{tables} is not empty and holds no database: move it away and start again.")
    fresh = tables.with_name(f"{tables.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    make_folder(fresh, account)
    if tables.exists():
        tables.rmdir()
    make = subprocess.run(
        initdb_command(cluster, found, fresh),
        env=clean_environment(),
        cwd="/",
        capture_output=True,
        text=True,
        **run_as(account),  # type: ignore[call-overload]
    )
    if make.returncode:
        shutil.rmtree(fresh, ignore_errors=True)
        raise DatabaseError(
            f"The database could not be made in {tables}: {make.stderr.strip() or make.stdout}"
        )
    fresh.rename(tables)
    return tables


def initdb_command(cluster: Cluster, found: Binaries, folder: Path) -> list[str]:
    command = [
        str(found.folder / "initdb"),
        "-D",
        str(folder),
        "-U",
        SUPERUSER,
        "--auth=trust",
        "--encoding=UTF8",
    ]
    command += ["--locale=C", "--data-checksums"]
    if found.version >= 17:
        command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    if cluster.throwaway:
        command += ["--no-sync"]
    return command


def server_command(cluster: Cluster, found: Binaries, tables: Path, sockets: Path) -> list[str]:
    settings = SETTINGS | (THROWAWAY_SETTINGS if cluster.throwaway else {})
    settings["unix_socket_directories"] = quote_folder(sockets)
    command = [str(found.folder / "postgres"), "-D", str(tables)]
    for name, value in settings.items():
        command += ["-c", f"{name}={value}"]
    return command


def quote_folder(folder: Path) -> str:
    """Quote for a list setting, in which a comma or a space outside quotes would end the name."""
    return '"' + str(folder).replace('"', '""') + '"'


def connect_as_superuser(sockets: Path, database: str = "postgres") -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(
        host=str(sockets), dbname=database, user=SUPERUSER, autocommit=True, connect_timeout=5
    )


def make_roles(sockets: Path) -> None:
    """Make the two roles and the owner's database, where they are missing."""
    with connect_as_superuser(sockets) as connection:
        for role in (OWNER_ROLE, APP_ROLE):
            if not connection.execute("select 1 from pg_roles where rolname = %s", [role]).fetchone():
                connection.execute(sql.SQL("create role {} login").format(sql.Identifier(role)))
        owner, app = sql.Identifier(OWNER_ROLE), sql.Identifier(APP_ROLE)
        connection.execute(sql.SQL("alter role {} createdb").format(owner))
        # The application makes the queues of the jobs, which the owner's backup has to read.
        connection.execute(sql.SQL("grant {} to {}").format(app, owner))
        if not connection.execute("select 1 from pg_database where datname = %s", [DATABASE_NAME]).fetchone():
            connection.execute(
                sql.SQL("create database {} owner {}").format(
                    sql.Identifier(DATABASE_NAME), sql.Identifier(OWNER_ROLE)
                )
            )


def read_reason(log_file: Path) -> str:
    """Return the last fatal line that the server wrote, for a message to a person."""
    try:
        lines = log_file.read_text(errors="replace").splitlines()
    except OSError:
        return "it wrote no log"
    fatal = [line for line in lines if re.search(r"FATAL|PANIC|ERROR", line)]
    return (fatal or lines or ["its log is empty"])[-1]
