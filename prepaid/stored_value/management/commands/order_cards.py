"""Order many cards and do all of it now: make them, and load them where the money is there."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from prepaid.cards.models import CardOrder
from prepaid.cards.rules.in_force import RuleRefused
from prepaid.identifiers import uuid7
from prepaid.money import Money, format_amount, parse_amount
from prepaid.stored_value.bulk.orders import approve_order, load_chunk, make_chunk, order_cards, record_funds
from prepaid.stored_value.management.commands.issue_card import find_program, find_till

OPERATOR = "manage"


class Command(BaseCommand):
    help = "Order, approve and make many cards; with --funded load and activate them as well."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("quantity", type=int)
        parser.add_argument("amount", help="on each card, in major units: 50 or 12.50")
        parser.add_argument("--buyer", required=True, metavar="NAME")
        parser.add_argument("--program", metavar="CODE", help="else the first one")
        parser.add_argument("--tender", choices=("bank_transfer", "cash"), default="bank_transfer")
        parser.add_argument("--reference", default="", help="of the payment")
        parser.add_argument("--funded", action="store_true", help="the money is there: load the cards")

    def handle(self, *args: Any, **options: Any) -> None:
        program = find_program(options["program"])
        try:
            amount_each = parse_amount(options["amount"], program.currency).amount_minor
            order = order_cards(
                order_id=uuid7(),
                program=program,
                till=find_till(program),
                quantity=options["quantity"],
                amount_each=amount_each,
                tender=options["tender"],
                reference=options["reference"],
                buyer_name=options["buyer"],
                by=OPERATOR,
                at=timezone.now(),
            )
        except (ValueError, RuleRefused) as error:
            raise CommandError(f"{error} Nothing was ordered.") from error
        approve_order(order.id, by=OPERATOR, at=timezone.now())
        while make_chunk(order.id, at=timezone.now()):
            self._tell(order.id)
        self._tell(order.id)
        if options["funded"]:
            record_funds(order.id, reference=options["reference"], by=OPERATOR, at=timezone.now())
            while load_chunk(order.id, at=timezone.now()):
                self._tell(order.id)
            self._tell(order.id)
        self.stdout.write(f"{order.id}: fetch the batch file in the office, under Orders.")

    def _tell(self, order_id: Any) -> None:
        order = CardOrder.objects.select_related("program").get(pk=order_id)
        each = format_amount(Money(order.amount_each, order.program.currency))
        self.stdout.write(
            f"{order.made_count} of {order.quantity} made, {order.loaded_count} loaded with {each}"
        )
