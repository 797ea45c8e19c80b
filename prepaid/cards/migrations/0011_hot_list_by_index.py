from django.db import migrations

from prepaid.ledger.loading import read_tables


class Migration(migrations.Migration):
    dependencies = [("cards", "0010_approvals")]

    operations = [migrations.RunSQL(read_tables("cards/sql/tables/0011_hot_list_by_index.sql"))]
