from django.db import migrations

from prepaid.ledger.loading import read_tables


class Migration(migrations.Migration):
    dependencies = [("stored_value", "0001_types"), ("cards", "0001_initial")]
    operations = [migrations.RunSQL(read_tables("stored_value/sql/types/0002_program_whole.sql"))]
