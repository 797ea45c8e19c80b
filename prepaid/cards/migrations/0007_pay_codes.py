import django.db.models.deletion
from django.db import migrations, models

import prepaid.identifiers


class Migration(migrations.Migration):
    dependencies = [
        ("cards", "0006_proof"),
    ]

    operations = [
        migrations.AddField(
            model_name="program",
            name="pay_code_max",
            field=models.BigIntegerField(blank=True, null=True),
        ),
        migrations.AlterField(
            model_name="credential",
            name="method",
            field=models.CharField(
                choices=[
                    ("number", "Number"),
                    ("sun", "Sun"),
                    ("qr", "Qr"),
                    ("uid", "Uid"),
                    ("pay_code", "Pay Code"),
                    ("challenge", "Challenge"),
                ],
                max_length=16,
            ),
        ),
        migrations.CreateModel(
            name="Phone",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=prepaid.identifiers.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("link_hash", models.BinaryField(max_length=32, unique=True)),
                ("link_expires_at", models.DateTimeField()),
                ("offered_at", models.DateTimeField()),
                ("offered_by", models.CharField(max_length=64)),
                ("cookie_hash", models.BinaryField(max_length=32, null=True, unique=True)),
                ("linked_at", models.DateTimeField(null=True)),
                ("unlinked_at", models.DateTimeField(null=True)),
                ("unlinked_by", models.CharField(blank=True, max_length=64)),
                (
                    "card",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="phones", to="cards.card"
                    ),
                ),
                (
                    "credential",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="phone",
                        to="cards.credential",
                    ),
                ),
            ],
            options={
                "ordering": ("-offered_at",),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("cookie_hash__isnull", True), ("linked_at__isnull", True)),
                            models.Q(("cookie_hash__isnull", False), ("linked_at__isnull", False)),
                            _connector="OR",
                        ),
                        name="cards_phone_linked_by_a_cookie",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("unlinked_at__isnull", True), ("credential__isnull", True), _connector="OR"
                        ),
                        name="cards_phone_unlinked_makes_no_codes",
                    ),
                ],
            },
        ),
    ]
