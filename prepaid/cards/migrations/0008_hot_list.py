from django.db import migrations, models

from prepaid.ledger.loading import read_tables


class Migration(migrations.Migration):
    dependencies = [("cards", "0007_pay_codes")]

    operations = [
        migrations.AddField(
            model_name="credential",
            name="fingerprint",
            field=models.BinaryField(db_index=True, max_length=4, null=True),
        ),
        migrations.CreateModel(
            name="HotListEntry",
            fields=[
                ("fingerprint", models.BinaryField(max_length=4, primary_key=True, serialize=False)),
                ("is_hot", models.BooleanField()),
                ("version", models.BigIntegerField(unique=True)),
            ],
        ),
        migrations.CreateModel(
            name="HotListHead",
            fields=[
                ("id", models.PositiveSmallIntegerField(primary_key=True, serialize=False)),
                ("version", models.BigIntegerField()),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=models.Q(id=1), name="cards_hot_list_has_one_head")
                ],
            },
        ),
        migrations.RunSQL(read_tables("cards/sql/tables/0001_hot_list.sql")),
    ]
