from django.db import migrations

from prepaid.ledger.loading import read_tables


class Migration(migrations.Migration):
    initial = True
    dependencies = [("ledger", "0001_tables"), ("cards", "0001_initial"), ("stores", "0001_initial")]
    operations = [migrations.RunSQL(read_tables("stored_value/sql/types/0001.sql"))]
