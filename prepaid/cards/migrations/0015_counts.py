from django.db import migrations, models

from prepaid.ledger.loading import read_tables


class Migration(migrations.Migration):
    dependencies = [("cards", "0014_desk_awaited_blank")]
    operations = [
        migrations.AlterField("credential", "key_version", models.SmallIntegerField(default=0)),
        migrations.AlterField("credential", "pin_failures", models.SmallIntegerField(default=0)),
        migrations.AlterField("credential", "pin_tries_max", models.SmallIntegerField(default=5)),
        migrations.RunSQL(read_tables("cards/sql/tables/0015_counts.sql")),
    ]
