from typing import Any

from django.db import migrations

from prepaid.ledger.accounts import general_account_id
from prepaid.ledger.loading import read_tables


def open_migration_accounts(apps: Any, schema_editor: Any) -> None:
    """Open, for whoever has general accounts, the one that value of another system comes from."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("select distinct owner_id, currency from ledger_general_account")
        for owner_id, currency in cursor.fetchall():
            account_id = general_account_id("migration", owner_id=owner_id, currency=currency)
            cursor.execute(
                "insert into ledger_general_account (id, kind, owner_id, currency) "
                "values (%s, 'migration', %s, %s) on conflict (id) do nothing",
                [account_id, owner_id, currency],
            )


class Migration(migrations.Migration):
    dependencies = [("ledger", "0006_shortfall")]
    operations = [
        migrations.RunSQL(read_tables("ledger/sql/tables/0008_bulk.sql")),
        migrations.RunPython(open_migration_accounts, migrations.RunPython.noop),
    ]
