from django.db import migrations

from prepaid.ledger.loading import read_tables


class Migration(migrations.Migration):
    dependencies = [("stored_value", "0011_bulk_issue")]
    operations = [migrations.RunSQL(read_tables("stored_value/sql/types/0013_walk.sql"))]
