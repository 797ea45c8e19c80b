from typing import Any, get_args

from django.db import migrations

from prepaid.ledger.accounts import GeneralKind, general_account_id
from prepaid.ledger.loading import read_tables


def open_new_kinds(apps: Any, schema_editor: Any) -> None:
    """Open, for whoever has general accounts, the kinds that came since."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("select distinct owner_id, currency from ledger_general_account")
        for owner_id, currency in cursor.fetchall():
            for kind in get_args(GeneralKind):
                cursor.execute(
                    "insert into ledger_general_account (id, kind, owner_id, currency) "
                    "values (%s, %s, %s, %s) on conflict (id) do nothing",
                    [
                        general_account_id(kind, owner_id=owner_id, currency=currency),
                        kind,
                        owner_id,
                        currency,
                    ],
                )


class Migration(migrations.Migration):
    dependencies = [("ledger", "0004_bonus")]
    operations = [
        migrations.RunSQL(read_tables("ledger/sql/tables/0004_moves.sql")),
        migrations.RunPython(open_new_kinds, migrations.RunPython.noop),
    ]
