"""The database of the tests: real PostgreSQL, used as the application's own role.

A test that takes `db` is rolled back. One that needs commits (races, other processes) takes `committed_db`,
and leaves its rows: nothing here ever truncates a table.
"""

import shutil
from collections.abc import Iterator

import psycopg
import pytest
from django.conf import settings
from django.db import connection, connections
from django.test.utils import setup_databases, teardown_databases
from pytest_django.plugin import DjangoDbBlocker

from prepaid.keys import read_or_make_keys
from prepaid.runner.binaries import ROOT_OWNED_FOLDER
from prepaid.runner.cluster import APP_ROLE, OWNER_ROLE, SUPERUSER
from prepaid.runner.environment import BASE_FOLDER
from prepaid.runner.translations import compile_translations
from tests.browsers import browser
from tests.databases import committed_database, drop_copies, end_sessions, keep_pristine, own_database

__all__ = ["browser"]


def pytest_configure() -> None:
    """Compile the translations, which are not kept compiled."""
    compile_translations(BASE_FOLDER / "locale")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the long files; the others stay in their order."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.fixture(scope="session", autouse=True)
def make_keys_first() -> None:
    """Make the site's keys while its database is empty: with cards in it their loss would be refused."""
    read_or_make_keys(settings.KEYS_FILE)


@pytest.fixture(scope="session", autouse=True)
def leave_no_database_of_root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Remove the databases that root keeps elsewhere for data folders of this run, which are private."""
    yield
    base = f"{tmp_path_factory.getbasetemp()}/"
    for origin in ROOT_OWNED_FOLDER.glob("database-*/data-folder"):
        if origin.read_text().startswith(base):
            shutil.rmtree(origin.parent, ignore_errors=True)


def switch_role(role: str) -> None:
    connection.close()
    connections.settings["default"]["USER"] = role
    connection.settings_dict["USER"] = role


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None, django_db_modify_db_settings: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[None]:
    """Make the database as its owner, then connect as the application.

    In place of pytest-django's own, which makes none when every collected test takes `committed_db`.
    """
    with django_db_blocker.unblock():
        made = setup_databases(verbosity=0, interactive=False, serialized_aliases=set())
        keep_pristine(str(connections.settings["default"]["NAME"]))
        switch_role(APP_ROLE)
    yield
    with django_db_blocker.unblock():
        drop_copies()
        switch_role(OWNER_ROLE)
        end_sessions(str(connections.settings["default"]["NAME"]))
        teardown_databases(made, verbosity=0)


@pytest.fixture
def committed_db(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Give a database with real commits, for threads and processes; rows stay for others that commit."""
    with django_db_blocker.unblock(), committed_database():
        yield
        connections.close_all()


@pytest.fixture
def own_db(committed_db: None) -> Iterator[str]:
    """Use an empty database until the test ends."""
    with own_database() as name:
        yield name


def connect_as(role: str) -> psycopg.Connection[tuple[object, ...]]:
    settings = connections.settings["default"]
    return psycopg.connect(host=settings["HOST"], dbname=settings["NAME"], user=role, autocommit=True)


@pytest.fixture
def owner(committed_db: None) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """A connection as the tables' owner, in autocommit: it sees only what is committed."""
    with connect_as(OWNER_ROLE) as opened:
        yield opened


@pytest.fixture
def superuser(committed_db: None) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """A connection that nothing is refused, to plant faults behind the ledger's back."""
    with connect_as(SUPERUSER) as opened:
        yield opened


@pytest.fixture
def scratch_db(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    """Connect to an empty database of one's own, with real commits, which is dropped after the test.

    For tests that plant faults or take a guard out: nothing that they break outlives them.
    """
    with django_db_blocker.unblock(), own_database() as name:
        yield name
