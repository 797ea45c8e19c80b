from django.db import migrations

from prepaid.ledger.loading import read_tables


class Migration(migrations.Migration):
    initial = True
    operations = [migrations.RunSQL(read_tables("ledger/sql/tables/0001.sql"))]
