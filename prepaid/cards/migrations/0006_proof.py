import django.db.models.deletion
from django.db import migrations, models

import prepaid.identifiers

ID = models.UUIDField(default=prepaid.identifiers.uuid7, editable=False, primary_key=True, serialize=False)


class Migration(migrations.Migration):
    dependencies = [("cards", "0005_rules")]

    operations = [
        migrations.AddField("program", "challenge_above", models.BigIntegerField(blank=True, null=True)),
        migrations.AlterField(
            "credential",
            "method",
            models.CharField(
                choices=[
                    ("number", "Number"),
                    ("sun", "Sun"),
                    ("qr", "Qr"),
                    ("uid", "Uid"),
                    ("challenge", "Challenge"),
                ],
                max_length=16,
            ),
        ),
        migrations.CreateModel(
            "CardSession",
            [
                ("id", ID),
                ("terminal_id", models.UUIDField()),
                (
                    "kind",
                    models.CharField(
                        choices=[("challenge", "Challenge"), ("personalise", "Personalise")], max_length=12
                    ),
                ),
                ("state", models.JSONField()),
                ("expires_at", models.DateTimeField(db_index=True)),
            ],
        ),
        migrations.CreateModel(
            "Proof",
            [
                ("id", ID),
                ("lookup", models.BinaryField(max_length=32, unique=True)),
                ("terminal_id", models.UUIDField()),
                ("counter", models.BigIntegerField(default=-1)),
                ("expires_at", models.DateTimeField(db_index=True)),
                ("used_by", models.UUIDField(null=True, unique=True)),
                (
                    "credential",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="cards.credential"),
                ),
            ],
        ),
        migrations.CreateModel(
            "Personalisation",
            [
                ("id", ID),
                ("terminal_id", models.UUIDField()),
                ("technology", models.CharField(max_length=16)),
                ("uid", models.BinaryField(max_length=8, null=True)),
                ("key_version", models.PositiveSmallIntegerField()),
                (
                    "state",
                    models.CharField(
                        choices=[("begun", "Begun"), ("changing", "Changing"), ("done", "Done")],
                        default="begun",
                        max_length=8,
                    ),
                ),
                ("begun_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "card",
                    models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, to="cards.card"),
                ),
            ],
        ),
        migrations.AddConstraint(
            "personalisation",
            models.CheckConstraint(
                condition=models.Q(key_version__gte=1, key_version__lte=255),
                name="cards_personalisation_version",
            ),
        ),
        migrations.AddConstraint(
            "personalisation",
            models.CheckConstraint(
                condition=models.Q(state="done", ended_at__isnull=False)
                | (~models.Q(state="done") & models.Q(ended_at__isnull=True)),
                name="cards_personalisation_end",
            ),
        ),
    ]
