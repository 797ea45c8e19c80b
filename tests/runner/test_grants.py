"""The application's role on the test database, which has been migrated as the real one is."""

import psycopg
import pytest
from django.db import ProgrammingError, connection

from prepaid.runner.cluster import APP_ROLE, OWNER_ROLE
from prepaid.runner.grants import grant_to_application
from tests.conftest import switch_role

Owner = psycopg.Connection[tuple[object, ...]]


def run(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.django_db
def test_tests_run_as_the_application() -> None:
    with connection.cursor() as cursor:
        cursor.execute("select current_user")
        assert cursor.fetchone() == (APP_ROLE,)


@pytest.mark.django_db
def test_application_may_change_an_ordinary_table() -> None:
    run("delete from django_session")


@pytest.mark.django_db
def test_application_may_not_truncate_an_ordinary_table() -> None:
    with pytest.raises(ProgrammingError, match="permission denied for table django_session"):
        run("truncate django_session")


@pytest.mark.django_db
def test_application_may_not_write_the_list_of_migrations() -> None:
    with pytest.raises(ProgrammingError, match="permission denied for table django_migrations"):
        run("delete from django_migrations")


@pytest.mark.parametrize(
    "statement",
    [
        "insert into ledger_example values (1)",
        "update ledger_example set id = 2",
        "delete from ledger_example",
        "truncate ledger_example",
    ],
)
def test_application_may_only_read_a_ledger_table(owner: Owner, statement: str) -> None:
    owner.execute("create table ledger_example (id int)")
    owner.execute("grant all on ledger_example to prepaid_app")
    try:
        switch_role(OWNER_ROLE)
        grant_to_application(connection)
        switch_role(APP_ROLE)
        run("select * from ledger_example")
        with pytest.raises(ProgrammingError, match="permission denied for table ledger_example"):
            run(statement)
    finally:
        switch_role(APP_ROLE)
        owner.execute("drop table ledger_example")
