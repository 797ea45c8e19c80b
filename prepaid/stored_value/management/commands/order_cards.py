"""Order many cards: where one manager suffices make them now, and load them where the money is there."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from prepaid.cards.models import CardOrder, Program
from prepaid.cards.rules.in_force import RuleRefused
from prepaid.identifiers import uuid7
from prepaid.money import Money, format_amount, parse_amount
from prepaid.stored_value.approvals.bulk import ask_for_order
from prepaid.stored_value.approvals.errors import ApprovalError
from prepaid.stored_value.approvals.service import Asked
from prepaid.stored_value.bulk.orders import load_chunk, make_chunk, order_cards, record_funds
from prepaid.stored_value.management.commands.issue_card import (
    find_manager,
    find_program,
    find_till,
    say_above_the_amount,
)
from prepaid.stores.models import Staff


class Command(BaseCommand):
    help = "Order many cards; above the program's amount another manager approves, else they are made now."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("quantity", type=int)
        parser.add_argument("amount", help="on each card, in major units: 50 or 12.50")
        parser.add_argument("--buyer", required=True, metavar="NAME")
        parser.add_argument("--by", required=True, metavar="CODE", help="the manager who asks")
        parser.add_argument("--reason", default="Ordered by command", help="told to who approves")
        parser.add_argument("--program", metavar="CODE", help="else the first one")
        parser.add_argument("--tender", choices=("bank_transfer", "cash"), default="bank_transfer")
        parser.add_argument("--reference", default="", help="of the payment")
        parser.add_argument("--funded", action="store_true", help="the money is there: load the cards")

    def handle(self, *args: Any, **options: Any) -> None:
        staff = find_manager(options["by"])
        program = find_program(options["program"])
        try:
            with transaction.atomic():
                order, done = self._ask(program, staff, options)
        except (ValueError, RuleRefused, ApprovalError) as error:
            raise CommandError(f"{error} Nothing was ordered.") from error
        if done.is_pending:
            said = say_above_the_amount(done.approval, program.currency)
            self.stdout.write(
                f"{order.id}: drafted, nothing is made yet. {said} "
                "The job makes the cards then; record the money under Orders when it is in."
            )
            return
        while make_chunk(order.id, at=timezone.now()):
            self._tell(order.id)
        self._tell(order.id)
        if options["funded"]:
            record_funds(order.id, reference=options["reference"], by=staff.code, at=timezone.now())
            while load_chunk(order.id, at=timezone.now()):
                self._tell(order.id)
            self._tell(order.id)
        self.stdout.write(f"{order.id}: fetch the batch file in the office, under Orders.")

    def _ask(self, program: Program, staff: Staff, options: dict[str, Any]) -> tuple[CardOrder, Asked]:
        now = timezone.now()
        order = order_cards(
            order_id=uuid7(),
            program=program,
            till=find_till(program),
            quantity=options["quantity"],
            amount_each=parse_amount(options["amount"], program.currency).amount_minor,
            tender=options["tender"],
            reference=options["reference"],
            buyer_name=options["buyer"],
            by=staff.code,
            at=now,
        )
        done = ask_for_order(order.id, approval_id=uuid7(), staff=staff, reason=options["reason"], at=now)
        return order, done

    def _tell(self, order_id: Any) -> None:
        order = CardOrder.objects.select_related("program").get(pk=order_id)
        each = format_amount(Money(order.amount_each, order.program.currency))
        self.stdout.write(
            f"{order.made_count} of {order.quantity} made, {order.loaded_count} loaded with {each}"
        )
