"""Bring in cards and balances of another system from a CSV file; whole or, with --dry-run, not at all."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from prepaid.cards.models import BulkLine, CardImport
from prepaid.cards.rules.in_force import RuleRefused
from prepaid.identifiers import uuid7
from prepaid.money import Money, format_amount
from prepaid.stored_value.approvals.bulk import ask_for_import
from prepaid.stored_value.bulk.errors import FileUnreadable
from prepaid.stored_value.bulk.fault_words import FAULTS, FILE_FAULTS
from prepaid.stored_value.bulk.imports import check_import, run_chunk
from prepaid.stored_value.management.commands.issue_card import (
    find_manager,
    find_program,
    find_till,
    say_above_the_amount,
)
from prepaid.stores.models import Staff

# Who checks a file without bringing it in.
OPERATOR = "manage"


class Command(BaseCommand):
    help = (
        "Check a CSV file of cards and balances whole; above the program's amount another manager approves."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--program", metavar="CODE", help="else the first one")
        parser.add_argument("--dry-run", action="store_true", help="check, and keep nothing")
        parser.add_argument("--by", default="", metavar="CODE", help="the manager who asks to bring it in")
        parser.add_argument("--reason", default="Asked by command", help="told to who approves")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            content = options["file"].read_bytes()
        except OSError as error:
            raise CommandError(f"{options['file']}: {error.strerror}.") from error
        program = find_program(options["program"])
        staff = None if options["dry_run"] else find_manager(options["by"])
        with transaction.atomic():
            try:
                made = check_import(
                    import_id=uuid7(),
                    content=content,
                    file_name=options["file"].name,
                    program=program,
                    till=find_till(program),
                    by=staff.code if staff else OPERATOR,
                    at=timezone.now(),
                )
            except FileUnreadable as error:
                raise CommandError(f"{FILE_FAULTS[error.fault]} {error.value}".rstrip()) from error
            except RuleRefused as error:
                raise CommandError(f"{error} Nothing was brought in.") from error
            faults = [
                f"line {fault.line}: {fault.column}: {FAULTS[fault.code]} {fault.value}".rstrip()
                for fault in made.faults.all()
            ]
            if options["dry_run"]:
                transaction.set_rollback(True)
        for fault in faults:
            self.stderr.write(fault)
        if faults:
            raise CommandError(
                f"Faults: {len(faults)}, in a file of {made.quantity} lines. Nothing was brought in."
            )
        paid, bonus = (
            format_amount(Money(minor, program.currency)) for minor in (made.paid_minor, made.bonus_minor)
        )
        self.stdout.write(
            f"{made.quantity} cards with {paid} and bonus of {bonus}, {made.encoding}: all good."
        )
        if staff is not None:
            self._bring_in(made, staff, options["reason"])

    def _bring_in(self, made: CardImport, staff: Staff, reason: str) -> None:
        done = ask_for_import(made.id, approval_id=uuid7(), staff=staff, reason=reason, at=timezone.now())
        if done.is_pending:
            said = say_above_the_amount(done.approval, made.program.currency)
            self.stdout.write(
                f"{made.id}: nothing is brought in yet. {said} The job brings the cards in then."
            )
            return
        while run_chunk(made.id, at=timezone.now()):
            made.refresh_from_db()
            self.stdout.write(f"{made.done_count} of {made.quantity}")
        left_out = BulkLine.objects.filter(bulk_id=made.id).exclude(outcome="loaded")
        for line in left_out.order_by("line"):
            self.stderr.write(f"line {line.line}: left out: {line.outcome}")
        self.stdout.write(f"{made.id}: brought in; undo it in the office, under Imports.")
