from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

from prepaid.ledger.accounts import open_general_accounts


def open_promotion_accounts(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Open, for the stores that there are, the general account that bonus comes from."""
    for store in apps.get_model("stores", "Store").objects.all():
        open_general_accounts(owner_id=store.id, currency=store.currency)


class Migration(migrations.Migration):
    dependencies = [
        ("stored_value", "0003_limits"),
        ("cards", "0003_offers"),
        ("ledger", "0004_bonus"),
        ("stores", "0002_timezone_known"),
    ]
    operations = [migrations.RunPython(open_promotion_accounts, migrations.RunPython.noop)]
