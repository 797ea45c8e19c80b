from django.db import migrations

from prepaid.ledger.loading import read_tables


class Migration(migrations.Migration):
    dependencies = [("stored_value", "0012_edges"), ("cards", "0013_two_persons")]
    operations = [migrations.RunSQL(read_tables("stored_value/sql/types/0012_two.sql"))]
