from django.db import migrations

from prepaid.ledger.loading import read_tables


class Migration(migrations.Migration):
    dependencies = [("stored_value", "0004_offers"), ("cards", "0004_life"), ("ledger", "0005_moves")]
    operations = [migrations.RunSQL(read_tables("stored_value/sql/types/0005_moves.sql"))]
