#!/usr/bin/env python3
"""Run a management command. Commands that change the schema run as the owner of the tables."""

import os
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


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "prepaid.settings")
    command = sys.argv[1] if len(sys.argv) > 1 else "help"
    if command in OWNER_COMMANDS:
        os.environ["PREPAID_DATABASE_ROLE"] = "owner"
    if command not in COMMANDS_WITHOUT_DATABASE:
        from prepaid.runner import database

        database.start_unless_given()
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
