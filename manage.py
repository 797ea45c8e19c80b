#!/usr/bin/env python3
"""Run a management command. Commands that change the schema run as the owner of the tables."""

import os
import subprocess
import sys

OWNER_COMMANDS = {"migrate", "makemigrations", "sqlmigrate", "flush", "up"}
COMMANDS_WITHOUT_DATABASE = {
    "help",
    "--help",
    "-h",
    "version",
    "--version",
    "collectstatic",
    "compilemessages",
    "diffsettings",
    "findstatic",
    "makemessages",
    "makemigrations",
    "up",
}


def make_tables_where_there_are_none() -> None:
    """Migrate an embedded database that was never migrated, so that a first command finds its tables."""
    from prepaid.runner import database

    if os.environ.get("DATABASE_URL") or database.has_tables(database.embedded_cluster()):
        return
    print("Making the tables first.", file=sys.stderr, flush=True)
    done = subprocess.run([sys.executable, __file__, "migrate", "--verbosity", "0"])
    if done.returncode:
        sys.exit(done.returncode)


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "prepaid.settings")
    command = sys.argv[1] if len(sys.argv) > 1 else "help"
    if command in OWNER_COMMANDS:
        os.environ["PREPAID_DATABASE_ROLE"] = "owner"
    if command not in COMMANDS_WITHOUT_DATABASE:
        from prepaid.runner import database

        database.start_unless_given()
        if command not in OWNER_COMMANDS:
            make_tables_where_there_are_none()
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line
    from django.db import OperationalError

    from prepaid.runner.environment import SettingError

    try:
        execute_from_command_line(sys.argv)
    except SettingError as error:
        sys.exit(str(error))
    except OperationalError as error:
        # One that a server answered with has a code.
        if getattr(error.__cause__, "sqlstate", None):
            raise
        sys.exit(f"The database does not answer: {str(error).splitlines()[0]}. Nothing was changed.")
    except ImproperlyConfigured as error:
        from prepaid.keys import KeysUnreadable

        if not isinstance(error, KeysUnreadable):
            raise
        sys.exit(str(error))


if __name__ == "__main__":
    main()
