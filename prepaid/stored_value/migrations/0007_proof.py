from django.db import migrations

from prepaid.ledger.loading import read_tables


class Migration(migrations.Migration):
    dependencies = [("stored_value", "0006_rules"), ("cards", "0006_proof")]
    operations = [migrations.RunSQL(read_tables("stored_value/sql/types/0004_proof.sql"))]
