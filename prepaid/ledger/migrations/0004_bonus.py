from django.db import migrations

from prepaid.ledger.loading import read_tables


class Migration(migrations.Migration):
    dependencies = [("ledger", "0003_limits")]
    operations = [migrations.RunSQL(read_tables("ledger/sql/tables/0003_bonus.sql"))]
