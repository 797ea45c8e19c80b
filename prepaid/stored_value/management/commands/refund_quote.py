"""Print what the return of a card would give back, by every way of reckoning, with the working."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from datetime import date
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from prepaid.cards.models import Card, Credential
from prepaid.cards.numbers import parse_number
from prepaid.cards.rules.in_force import RateUnknown
from prepaid.keys import site_keys
from prepaid.money import Money, format_amount
from prepaid.stored_value.quotes.quote import Quote, as_json, quote_return
from prepaid.stored_value.requests import origin_of_till
from prepaid.stores.models import Till


class Command(BaseCommand):
    help = "Quote the return of a card: every way side by side, with its working. Moves nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--card", required=True, metavar="ID", help="the card's id, or its whole number")
        parser.add_argument("--on", type=date.fromisoformat, metavar="DATE", help="business date, else today")
        parser.add_argument(
            "--terminated-on", type=date.fromisoformat, metavar="DATE", help="when the contract ended"
        )
        parser.add_argument(
            "--paid-on", type=date.fromisoformat, metavar="DATE", help="when the refund is paid"
        )
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        card = find_card(options["card"])
        on = options["on"] or business_date_of(card)
        try:
            quote = quote_return(
                card, on=on, terminated_on=options["terminated_on"], paid_on=options["paid_on"]
            )
        except RateUnknown as error:
            raise CommandError(str(error)) from error
        told = as_json(quote)
        self.stdout.write(
            json.dumps(told, ensure_ascii=False, indent=1) if options["json"] else lines_of(quote)
        )


def find_card(text: str) -> Card:
    """Find a card by its id or its whole number. Raises CommandError."""
    cards = Card.objects.select_related("program__rule_set")
    try:
        found = cards.filter(pk=UUID(text)).first()
    except ValueError:
        number = parse_number(text)
        lookup = None if number is None else site_keys().number_lookup(number)
        credential = Credential.objects.filter(method="number", lookup=lookup).first() if lookup else None
        found = cards.filter(pk=credential.card_id).first() if credential else None
    if found is None:
        raise CommandError("There is no such card. Nothing was quoted.")
    return found


def business_date_of(card: Card) -> date:
    """Give today as the store sees it that issued the card."""
    tills = Till.objects.select_related("store")
    till = tills.filter(store_id=card.issued_store_id).first() if card.issued_store_id else None
    return timezone.localdate() if till is None else origin_of_till(till).business_date_at(timezone.now())


def lines_of(quote: Quote) -> str:
    lines = [f"Card return quoted on {quote.on}, rules: {quote.rule_set or 'none'}"]
    for branch in quote.branches:
        total = format_amount(Money(branch.total_minor, quote.currency))
        unsure = " (to be checked)" if branch.to_be_checked else ""
        lines += ["", f"{branch.code}: {total}  {branch.article}{unsure}"]
        if branch.why_not is not None:
            lines.append(f"  not to be chosen: {branch.why_not.en}")
        lines += [f"  {line.en}" for line in branch.lines]
    return "\n".join(lines)
