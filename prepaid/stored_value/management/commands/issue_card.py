"""Issue a card, active and loaded by cash at the first store, and print its secrets this once."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from prepaid.cards.models import Program
from prepaid.cards.numbers import grouped
from prepaid.cards.presentation import at_the_desk
from prepaid.identifiers import uuid7
from prepaid.keys import site_keys
from prepaid.money import AMOUNT_MINOR_MAX, Money, format_amount
from prepaid.stored_value.answers import Answer
from prepaid.stored_value.approvals.models import Approval
from prepaid.stored_value.issue import IssuedCard, issue
from prepaid.stored_value.load import load
from prepaid.stored_value.requests import Origin, Request, origin_of_till
from prepaid.stores.models import Staff, Till

OPERATOR = "manage"

NO_PROGRAM = "There is no program to issue under: ./run makes the demonstration's, or add one in the admin."


class Command(BaseCommand):
    help = "Issue, activate and load a card; number, PIN and printed code are shown this once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--program", metavar="CODE", help="else the first one")
        parser.add_argument("--amount", type=int, default=0, metavar="MINOR_UNITS", help="1250 is 12.50 yuan")
        parser.add_argument("--holder", default="", metavar="NAME")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        amount_minor = options["amount"]
        if not 0 <= amount_minor <= AMOUNT_MINOR_MAX:
            raise CommandError(f"An amount is 0 to {AMOUNT_MINOR_MAX} minor units.")
        program = find_program(options["program"])
        origin = origin_of_till(find_till(program))
        with transaction.atomic():
            issued = issue(
                card_id=uuid7(),
                program=program,
                origin=origin,
                actor=OPERATOR,
                at=timezone.now(),
                holder_name=options["holder"],
            )
            if amount_minor:
                answer = top_up(issued, Money(amount_minor, program.currency), origin)
                if not answer.approved:
                    raise CommandError(f"{answer.why.en} ({answer.reason}) No card was issued.")
        told = tell(issued, program, amount_minor)
        self.stdout.write(json.dumps(told, indent=1) if options["json"] else as_lines(told))


def find_program(code: str | None) -> Program:
    programs = Program.objects.order_by("code")
    program = (programs.filter(code=code) if code else programs).first()
    if program is None:
        raise CommandError(f"There is no program {code}." if code else NO_PROGRAM)
    return program


def find_till(program: Program) -> Till:
    """Find the first till of the first store that takes this program's cards."""
    tills = Till.objects.select_related("store").filter(store__currency=program.currency)
    if program.scope_store_ids is not None:
        tills = tills.filter(store_id__in=program.scope_store_ids)
    till = tills.order_by("store__code", "name").first()
    if till is None:
        raise CommandError(f"No store with a till takes cards of program {program.code}.")
    return till


def find_manager(code: str) -> Staff:
    """Find the manager in whose name something is asked, by code."""
    staff = Staff.objects.select_related("store", "till").filter(code=code).first()
    if staff is None or not staff.is_manager:
        raise CommandError(
            f"{code or 'Nobody'} is no manager's code: --by CODE says who asks. Nothing was done."
        )
    return staff


def who_decides(asked: Approval) -> str:
    """Say who decides what was asked by command, where and until when."""
    return (
        f"a manager other than {asked.asked_by} must approve it in the office, under Approvals, before "
        f"{asked.expires_at:%Y-%m-%d %H:%M} UTC."
    )


def say_above_the_amount(asked: Approval, currency: str) -> str:
    """Say how much was asked for in all, what one person may decide, and who decides now."""
    total, most = (format_amount(Money(minor, currency)) for minor in (asked.amount, asked.alone_max or 0))
    return f"{total} in all is above {most}: {who_decides(asked)}"


def top_up(issued: IssuedCard, amount: Money, origin: Origin) -> Answer:
    transaction_id, now = uuid7(), timezone.now()
    request = Request(
        id=transaction_id,
        origin=origin,
        digest=site_keys().content_digest(transaction_id.bytes),
        occurred_at=now,
        recorded_at=now,
        operator=OPERATOR,
    )
    return load(request, at_the_desk(issued.card.id), amount, tender="cash")


def tell(issued: IssuedCard, program: Program, balance_minor: int) -> dict[str, Any]:
    return {
        "number": issued.number,
        "pin": issued.pin,
        "qr": issued.qr,
        "balance": balance_minor,
        "currency": program.currency,
        "program": program.code,
        "card_id": str(issued.card.id),
        "number_masked": issued.card.number_masked,
    }


def as_lines(told: dict[str, Any]) -> str:
    shown = told | {name: grouped(told[name]) for name in ("number", "qr") if told[name]}
    width = max(map(len, shown))
    lines = [f"{name:<{width}}  {value}" for name, value in shown.items() if value is not None]
    return "\n".join([*lines, "Number, PIN and printed code are not shown again."])
