from django.db import migrations

from prepaid.ledger.loading import read_tables


class Migration(migrations.Migration):
    dependencies = [("stored_value", "0005_moves"), ("cards", "0005_rules")]
    operations = [migrations.RunSQL(read_tables("stored_value/sql/types/0006_rules.sql"))]
