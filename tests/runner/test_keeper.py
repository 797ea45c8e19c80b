"""The embedded database's keeper: real servers, used and left by real programs that are killed."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from prepaid.runner import database
from prepaid.runner.binaries import DatabaseError, database_account, find_binaries
from prepaid.runner.cluster import APP_ROLE, OWNER_ROLE, Cluster, embedded_url, make_tables
from prepaid.runner.environment import BASE_FOLDER
from tests.runner.sites import read_table, wait_until

USER = """
import sys
from pathlib import Path
from prepaid.runner import database
from prepaid.runner.cluster import Cluster
cluster = Cluster(Path(sys.argv[1]), throwaway=len(sys.argv) > 2)
database.start(cluster)
print("ready", flush=True)
sys.stdin.read()
"""

pytestmark = pytest.mark.kill
User = subprocess.Popen[str]
Use = Callable[..., User]


@pytest.fixture
def cluster(open_folder: Path) -> Cluster:
    return Cluster(open_folder / "postgres")


@pytest.fixture
def use(cluster: Cluster) -> Iterator[Use]:
    users: list[User] = []

    def start(*, of: Cluster = cluster) -> User:
        words = [str(of.folder), *(["throwaway"] if of.throwaway else [])]
        user = subprocess.Popen(
            [sys.executable, "-c", USER, *words],
            cwd=BASE_FOLDER,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        users.append(user)
        assert user.stdout is not None
        if user.stdout.readline() != "ready\n":
            raise DatabaseError(user.communicate()[1])
        return user

    yield start
    for user in users:
        user.kill()
        user.communicate()
    wait_until(lambda: not list_servers(cluster), "the end of the server")


def list_servers(cluster: Cluster) -> list[int]:
    table = read_table("no mark", cluster.folder)
    return [number for number, (line, ours) in table.items() if ours and "-c max_wal_size" in line]


def list_keepers(cluster: Cluster) -> list[int]:
    table = read_table("no mark", cluster.folder)
    return [number for number, (line, ours) in table.items() if ours and "runner.keeper" in line]


def ask(cluster: Cluster, role: str = APP_ROLE) -> tuple[object, ...]:
    with psycopg.connect(**embedded_url(cluster, role)) as connection:  # type: ignore[arg-type]
        row = connection.execute("select current_user, current_database()").fetchone()
    assert row is not None
    return row


def answers(cluster: Cluster) -> bool:
    try:
        ask(cluster)
    except psycopg.OperationalError:
        return False
    return True


@pytest.mark.parametrize("role", [APP_ROLE, OWNER_ROLE])
def test_a_started_cluster_has_both_roles(cluster: Cluster, use: Use, role: str) -> None:
    use()
    assert ask(cluster, role) == (role, "prepaid")


def test_the_server_listens_on_no_network(cluster: Cluster, use: Use) -> None:
    use()
    with psycopg.connect(**embedded_url(cluster, APP_ROLE)) as connection:  # type: ignore[arg-type]
        assert connection.execute("show listen_addresses").fetchone() == ("",)
        assert connection.execute("show fsync").fetchone() == ("on",)
    assert cluster.socket_folder(database_account()).stat().st_mode & 0o077 == 0


def test_the_server_ends_when_its_last_user_is_killed(cluster: Cluster, use: Use) -> None:
    first, second = use(), use()
    assert len(list_servers(cluster)) == 1

    first.kill()
    first.wait()
    assert ask(cluster) == (APP_ROLE, "prepaid")

    second.kill()
    second.wait()
    wait_until(lambda: not list_servers(cluster) and not list_keepers(cluster), "the end of the server")


def test_a_killed_server_is_started_again(cluster: Cluster, use: Use) -> None:
    use()
    [server] = list_servers(cluster)

    os.kill(server, signal.SIGKILL)

    wait_until(lambda: list_servers(cluster) not in ([], [server]) and answers(cluster), "a new server")


def test_a_killed_keeper_takes_the_server_along_and_the_next_user_starts_anew(
    cluster: Cluster, use: Use
) -> None:
    use()
    [keeper] = list_keepers(cluster)

    os.kill(keeper, signal.SIGKILL)

    wait_until(lambda: not list_servers(cluster), "the end of the server")
    use()
    assert ask(cluster) == (APP_ROLE, "prepaid")


def test_a_throwaway_cluster_leaves_no_file(cluster: Cluster, use: Use) -> None:
    folder = cluster.folder.parent / "prepaid-test-gone" / "postgres"
    user = use(of=Cluster(folder, throwaway=True))
    assert folder.exists()

    user.kill()
    user.wait()

    wait_until(lambda: not folder.parent.exists(), "the removal of the folder")


def test_a_long_path_is_no_hindrance(cluster: Cluster, use: Use) -> None:
    deep = Cluster(cluster.folder.parent / ("long " * 30) / "postgres")
    user = use(of=deep)
    assert ask(deep) == (APP_ROLE, "prepaid")
    user.kill()
    user.wait()
    wait_until(lambda: not list_keepers(deep), "the end of the keeper")
    assert not deep.socket_folder(database_account()).exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's database runs under another name")
def test_data_of_root_that_others_may_not_enter_is_no_hindrance(cluster: Cluster, use: Use) -> None:
    private = cluster.folder.parent / "private"
    private.mkdir(mode=0o700)
    hidden = Cluster(private / "postgres")

    user = use(of=hidden)

    assert ask(hidden) == (APP_ROLE, "prepaid")
    assert private.stat().st_mode & 0o077 == 0
    user.kill()
    user.wait()
    tables = hidden.tables_folder(database_account())
    wait_until(lambda: not list_keepers(hidden), "the end of the keeper")
    shutil.rmtree(tables.parent)
    assert not hidden.socket_folder(database_account()).exists()


def test_tables_of_another_version_are_refused_with_advice(cluster: Cluster, use: Use) -> None:
    user = use()
    user.kill()
    user.wait()
    wait_until(lambda: not list_keepers(cluster), "the end of the keeper")
    account = database_account()
    version_file = cluster.tables_folder(account) / "PG_VERSION"
    version_file.write_text("14\n")

    with pytest.raises(DatabaseError, match=r"was made by PostgreSQL 14.*set PG_BIN to version 14"):
        make_tables(cluster, find_binaries(), account)
    with pytest.raises(DatabaseError, match="was made by PostgreSQL 14"):
        database.start(cluster)


def test_pg_bin_without_postgresql_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PG_BIN", str(tmp_path))
    with pytest.raises(DatabaseError, match="holds no PostgreSQL 15 or newer"):
        find_binaries()


@pytest.mark.skipif(not Path("/usr/lib/postgresql/15/bin/postgres").exists(), reason="no local PostgreSQL 15")
def test_a_local_postgresql_15_serves_as_well(
    cluster: Cluster, use: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PG_BIN", "/usr/lib/postgresql/15/bin")
    use()
    with psycopg.connect(**embedded_url(cluster, APP_ROLE)) as connection:  # type: ignore[arg-type]
        assert connection.info.server_version // 10000 == 15
