from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("cards", "0012_reader_counter")]
    operations = [
        migrations.AddField(
            model_name="program",
            name="bulk_import_alone_max",
            field=models.BigIntegerField(blank=True, default=0, null=True),
        ),
    ]
