"""Only its functions change the ledger: privileges hold the application, triggers the owner of the tables."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from django.db import connection, transaction
from django.db.utils import ProgrammingError
from pytest_django.plugin import DjangoDbBlocker

from prepaid.cards.presentation import at_the_desk
from prepaid.money import Money
from prepaid.stored_value.load import load
from prepaid.stored_value.move import move
from tests.databases import connect_as_superuser, own_database
from tests.offline import advise, allow
from tests.shop import Shop, figures, open_shop
from tests.stored_value.people import adjust_of, asked_by, hire

TABLES = (
    "ledger_account",
    "ledger_advice",
    "ledger_answer",
    "ledger_answer_cause",
    "ledger_answer_rule",
    "ledger_approval",
    "ledger_bonus",
    "ledger_counted",
    "ledger_counter",
    "ledger_daily_sum",
    "ledger_general_account",
    "ledger_hold",
    "ledger_lot",
    "ledger_lot_source",
    "ledger_move",
    "ledger_outbox",
    "ledger_shortfall",
    "ledger_transaction",
    "ledger_transfer",
)
# Worked on by the functions of the ledger; their triggers let through what those do, and nothing else.
DERIVED = ("ledger_daily_sum", "ledger_outbox")
SOME_COLUMN = {
    "ledger_account": "currency",
    "ledger_advice": "amount",
    "ledger_answer": "outcome",
    "ledger_answer_cause": "cause",
    "ledger_answer_rule": "rule_id",
    "ledger_approval": "reason",
    "ledger_bonus": "amount",
    "ledger_counted": "kind",
    "ledger_counter": "kind",
    "ledger_shortfall": "amount",
    "ledger_hold": "amount",
    "ledger_daily_sum": "currency",
    "ledger_outbox": "currency",
    "ledger_general_account": "kind",
    "ledger_lot": "amount",
    "ledger_lot_source": "from_lot_no",
    "ledger_move": "amount",
    "ledger_transaction": "type",
    "ledger_transfer": "amount",
}
pytestmark = pytest.mark.usefixtures("committed_db")
Owner = psycopg.Connection[tuple[object, ...]]


@pytest.fixture(scope="module")
def shop(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Shop]:
    """A shop in a database of its own, with rows in every table of the ledger, which none can change."""
    with django_db_blocker.unblock(), own_database() as name:
        shop = open_shop(instrument_loads_day_max=1)
        shop.offer(10_000, 500)
        held = shop.card(balance=10_000)
        shop.redeem(held, 3_650)
        move(shop.request(), held.card.id, shop.card().card.id, Money(50, "CNY"))
        desk = at_the_desk(held.card.id)
        load(shop.request(), desk, Money(1, "CNY"), tender="bank_card", tender_reference="4000")
        advise(shop, shop.card(balance=100), 300, allow(shop))
        with connection.cursor() as cursor:
            cursor.execute("select ledger_fold_outbox(1)")
        with connect_as_superuser(name) as opened:
            opened.execute(
                "insert into ledger_hold (account_id, id, amount, expires_at, placed_on) "
                "select id, gen_random_uuid(), 1, now(), current_date from ledger_account"
            )
            opened.execute("insert into ledger_answer_rule values (gen_random_uuid(), gen_random_uuid())")
            opened.execute("insert into ledger_answer_cause values (gen_random_uuid(), 'issued_by_operator')")
        asked_by(hire(shop), adjust_of(held, 1))
        yield shop


@pytest.fixture
def table_owner(shop: Shop) -> Iterator[Owner]:
    with connect_as_superuser(str(connection.settings_dict["NAME"])) as opened:
        opened.execute("set role prepaid_owner")
        yield opened


def test_every_table_of_the_ledger_is_looked_at(shop: Shop) -> None:
    with connection.cursor() as cursor:
        cursor.execute("select tablename::text from pg_tables where tablename like 'ledger\\_%' order by 1")
        assert tuple(name for (name,) in cursor.fetchall()) == TABLES


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("verb", ["insert", "update", "delete", "truncate"])
def test_application_is_refused(shop: Shop, table: str, verb: str) -> None:
    statement = {
        "insert": f"insert into {table} select * from {table}",
        "update": f"update {table} set {SOME_COLUMN[table]} = {SOME_COLUMN[table]}",
        "delete": f"delete from {table}",
        "truncate": f"truncate {table}",
    }[verb]
    before = figures()

    with (
        pytest.raises(ProgrammingError, match=f"permission denied for table {table}"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)

    assert figures() == before


@pytest.mark.parametrize(
    "table", [table for table in TABLES if table not in (*DERIVED, "ledger_account", "ledger_counter")]
)
def test_owner_is_refused_an_update_by_trigger(table_owner: Owner, table: str) -> None:
    assert table_owner.execute(f"select 1 from {table}").fetchone() is not None

    with pytest.raises(psycopg.Error) as caught:
        table_owner.execute(f"update {table} set {SOME_COLUMN[table]} = {SOME_COLUMN[table]}")

    assert caught.value.sqlstate == "PC900"


@pytest.mark.parametrize("table", [table for table in TABLES if table not in DERIVED])
@pytest.mark.parametrize("verb", ["delete from", "truncate"])
def test_owner_is_refused_to_remove_by_trigger(table_owner: Owner, table: str, verb: str) -> None:
    count = table_owner.execute(f"select count(*) from {table}").fetchone()
    assert count is not None
    assert count[0]

    with pytest.raises(psycopg.Error) as caught:
        table_owner.execute(f"{verb} {table}")

    assert caught.value.sqlstate == "PC900"
    assert table_owner.execute(f"select count(*) from {table}").fetchone() == count


def test_owner_may_not_unbalance_an_account(table_owner: Owner) -> None:
    with pytest.raises(psycopg.errors.CheckViolation, match="ledger_account_lots_are_the_balance"):
        table_owner.execute("update ledger_account set balance = balance + 1")


@pytest.mark.parametrize(
    "change",
    [
        "outcome = 'approved', reason = null",
        "approved_amount = approved_amount + 1",
        "recorded_at = recorded_at + interval '1 s'",
    ],
)
def test_stored_answer_is_never_changed(table_owner: Owner, change: str) -> None:
    with pytest.raises(psycopg.Error) as caught:
        table_owner.execute(f"update ledger_answer set {change}")
    assert caught.value.sqlstate == "PC900"


def test_hold_is_resolved_once_and_its_amount_stays(table_owner: Owner) -> None:
    with table_owner.transaction(force_rollback=True):
        resolve_then_change(table_owner)


def resolve_then_change(table_owner: Owner) -> None:
    table_owner.execute("update ledger_hold set resolution = 'released', resolved_by = gen_random_uuid()")
    for change in ("resolution = null, resolved_by = null", "amount = 2", "resolution = 'expired'"):
        with pytest.raises(psycopg.Error) as caught, table_owner.transaction():
            table_owner.execute(f"update ledger_hold set {change}")
        assert caught.value.sqlstate == "PC900"


@pytest.mark.parametrize(
    "change", ["recovered = recovered - 1", "recovered = 201", "amount = 100, recovered = 50"]
)
def test_a_shortfall_only_comes_back(table_owner: Owner, change: str) -> None:
    with table_owner.transaction(force_rollback=True):
        table_owner.execute("update ledger_shortfall set recovered = 50")
        with pytest.raises(psycopg.Error) as caught, table_owner.transaction():
            table_owner.execute(f"update ledger_shortfall set {change}")
        assert caught.value.sqlstate in {"PC900", "23514"}


def test_of_the_ledger_itself_the_application_may_call_five_functions_and_a_lock(
    shop: Shop,
) -> None:
    """None of them takes what it writes on trust: posting belongs to the functions of stored value."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select proname::text from pg_proc where proname like 'ledger\\_%' and prosecdef "
            "and has_function_privilege(oid, 'execute') order by 1"
        )
        names = [name for (name,) in cursor.fetchall()]
    assert names == [
        "ledger_expire_hold",
        "ledger_expire_lot",
        "ledger_fold_outbox",
        "ledger_lock_account",
        "ledger_open_account",
        "ledger_open_general_account",
    ]


def test_internal_functions_write_nothing_for_the_application(shop: Shop) -> None:
    """`ledger_post` runs as its caller: called by the application itself, the tables refuse it."""
    before = figures()
    with (
        pytest.raises(ProgrammingError, match="permission denied for table"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(
            "select ledger_post(row(gen_random_uuid(), null, account.id, null, account.id, '2026-11-23', "
            "now(), now(), '', '')::ledger_request, account, account, 'load', 1, null, null, null, '{}') "
            "from ledger_account as account"
        )
    assert figures() == before
