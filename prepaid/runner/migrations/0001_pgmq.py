"""Install the message queue that the jobs use by default: plain SQL, which the `pgmq` wheel ships."""

from importlib.resources import files

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps


def install(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("select to_regnamespace('pgmq') is not null")
        if cursor.fetchone()[0]:
            return
        cursor.execute(files("pgmq.sql").joinpath("pgmq.sql").read_text(encoding="utf-8"))


class Migration(migrations.Migration):
    operations = [migrations.RunPython(install, migrations.RunPython.noop)]
