from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Allowance",
            fields=[
                ("key", models.CharField(max_length=80, primary_key=True, serialize=False)),
                ("used_until", models.DateTimeField()),
            ],
        ),
    ]
