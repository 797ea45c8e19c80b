"""Record a yearly interest rate from a date on."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from prepaid.cards.rules.fields import RuleInvalid
from prepaid.cards.rules.in_force import change_rate
from prepaid.cards.rules.models import Source
from prepaid.money import format_percent


class Command(BaseCommand):
    help = "Record a yearly rate from a date on, in millionths: 30000 is 3.00 %. See docs/rules.md."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--code", required=True, help="cny_lpr_1y or cny_deposit_1y")
        parser.add_argument("--ppm", required=True, type=int, metavar="MILLIONTHS")
        parser.add_argument("--from", required=True, type=date.fromisoformat, metavar="DATE", dest="since")
        parser.add_argument("--article", required=True)
        parser.add_argument("--article-zh", metavar="ARTICLE", help="the article in Chinese, else the same")
        parser.add_argument(
            "--source", required=True, choices=Source.values, help="v read, s second-hand, c to check"
        )
        parser.add_argument("--by", required=True, metavar="NAME", help="who changes it")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            rate = change_rate(
                code=options["code"],
                effective_from=options["since"],
                rate_ppm=options["ppm"],
                article=options["article"],
                article_zh=options["article_zh"] or options["article"],
                source=options["source"],
                by=options["by"],
                at=timezone.now(),
            )
        except RuleInvalid as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{rate.code} = {format_percent(rate.rate_ppm)} from {rate.effective_from}")
