"""`manage.py up`: the whole site with its demonstration, from one command, until it is told to stop."""

import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from prepaid.runner import start


class Command(BaseCommand):
    help = "Start the database, the site, its jobs and a simulated terminal, and stop them together."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--host", default="127.0.0.1", help="the address to listen on (default: %(default)s)"
        )
        parser.add_argument(
            "--port", type=int, default=8000, help="the port to listen on (default: %(default)s)"
        )
        parser.add_argument("--no-demo", action="store_true", help="make no demonstration data")
        parser.add_argument("--no-terminal", action="store_true", help="start no simulated terminal")

    def handle(self, *arguments: Any, **options: Any) -> None:
        # The demonstration's passwords are known to everybody, and it is what has the simulated cards.
        demo = settings.TRIAL and not options["no_demo"]
        choices = start.Choices(
            host=options["host"],
            port=options["port"],
            demo=demo,
            terminal=demo and not options["no_terminal"],
        )
        sys.exit(start.run_site(choices))
