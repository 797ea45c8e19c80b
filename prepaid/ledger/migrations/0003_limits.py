from django.db import migrations

from prepaid.ledger.loading import read_tables


class Migration(migrations.Migration):
    dependencies = [("ledger", "0002_read_models")]
    operations = [migrations.RunSQL(read_tables("ledger/sql/tables/0002_limits.sql"))]
