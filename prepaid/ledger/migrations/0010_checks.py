from django.db import migrations

from prepaid.ledger.loading import read_tables


class Migration(migrations.Migration):
    dependencies = [("ledger", "0009_approval")]
    operations = [migrations.RunSQL(read_tables("ledger/sql/tables/0010_checks.sql"))]
