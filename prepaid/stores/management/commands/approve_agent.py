"""Approve a hash of the agent's files for a version, and print what is approved as JSON."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from prepaid.stores.attestation import approve_agent, list_approved
from prepaid.stores.management.commands.enrolment_code import find_store
from prepaid.stores.models import Terminal


class Command(BaseCommand):
    help = "Approve an agent: from then on a terminal of that version with other files is locked."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--agent", metavar="VERSION", required=True, help="the agent's version")
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("--hash", help="the hash of its files")
        which.add_argument("--terminal", metavar="NAME", help="take the hash that this terminal told last")
        parser.add_argument("--store", metavar="CODE", help="the terminal's; else the first one")
        parser.add_argument("--by", default="command line", help="who approves it")

    def handle(self, *args: Any, **options: Any) -> None:
        version, files_hash = options["agent"], options["hash"]
        if options["terminal"]:
            named = Terminal.objects.filter(store=find_store(options["store"]), name=options["terminal"])
            terminal = named.filter(agent_version=version).exclude(files_hash="").first()
            if terminal is None:
                raise CommandError(f"No terminal {options['terminal']} of agent {version} has told a hash.")
            files_hash = terminal.files_hash
        approve_agent(version, files_hash, actor=options["by"], at=timezone.now())
        self.stdout.write(json.dumps({"agent": version, "approved": list_approved(version)}))
