from typing import Any

from django.db import migrations

from prepaid.ledger.accounts import open_general_accounts
from prepaid.ledger.loading import read_tables


def open_unit_accounts(apps: Any, schema_editor: Any) -> None:
    """Let the stores that are open already trade in units: transfers name general accounts that exist."""
    for store in apps.get_model("stores", "Store").objects.all():
        open_general_accounts(owner_id=store.pk, currency=store.currency)


class Migration(migrations.Migration):
    dependencies = [
        ("stored_value", "0002_program_whole"),
        ("cards", "0002_limits"),
        ("ledger", "0003_limits"),
        ("stores", "0001_initial"),
    ]
    operations = [
        migrations.RunSQL(read_tables("stored_value/sql/types/0003_limits.sql")),
        migrations.RunPython(open_unit_accounts, migrations.RunPython.noop),
    ]
