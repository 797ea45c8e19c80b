from django.db import migrations

from prepaid.ledger.loading import read_tables


class Migration(migrations.Migration):
    dependencies = [("stored_value", "0013_edges")]
    operations = [migrations.RunSQL(read_tables("stored_value/sql/types/0014_walk.sql"))]
