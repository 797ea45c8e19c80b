import django.db.models.deletion
from django.db import migrations, models
from django.db.models import F, Q


class Migration(migrations.Migration):
    dependencies = [("stores", "0002_timezone_known")]

    operations = [
        migrations.AddField(
            model_name="tap",
            name="fingerprint",
            field=models.BinaryField(max_length=4, null=True),
        ),
        migrations.CreateModel(
            name="StandIn",
            fields=[
                (
                    "store",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="stand_in",
                        serialize=False,
                        to="stores.store",
                    ),
                ),
                ("per_transaction", models.BigIntegerField()),
                ("per_card", models.BigIntegerField()),
                ("per_terminal", models.BigIntegerField()),
                ("count", models.PositiveIntegerField()),
                ("age_s", models.PositiveIntegerField()),
                ("floor_sun", models.BigIntegerField()),
                ("floor_uid", models.BigIntegerField(default=0)),
                ("floor_qr", models.BigIntegerField(default=0)),
                ("version", models.PositiveIntegerField(default=1)),
                ("changed_at", models.DateTimeField()),
                ("changed_by", models.CharField(max_length=64)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=Q(
                            per_transaction__gte=0,
                            per_card__gte=F("per_transaction"),
                            per_terminal__gte=F("per_card"),
                            count__lte=5000,
                            age_s__lte=604800,
                            floor_sun__gte=0,
                            floor_uid__gte=0,
                            floor_qr__gte=0,
                        ),
                        name="stores_stand_in_bounded",
                    )
                ],
            },
        ),
    ]
