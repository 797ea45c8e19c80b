"""Ask for a rule of a rule set from a date on; it is recorded when another manager approves."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from prepaid.cards.models import RuleSet
from prepaid.cards.rules.fields import RuleInvalid
from prepaid.cards.rules.in_force import refuse_unwhole
from prepaid.cards.rules.models import Source
from prepaid.identifiers import uuid7
from prepaid.stored_value.approvals.payloads import RuleChange
from prepaid.stored_value.approvals.service import ask
from prepaid.stored_value.management.commands.issue_card import find_manager, who_decides


class Command(BaseCommand):
    help = "Ask for a rule from a date on. Amounts are minor units; null ends a rule. See docs/rules.md."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--rule-set", required=True, metavar="CODE")
        parser.add_argument("--field", required=True, metavar="NAME")
        parser.add_argument("--value", required=True, metavar="JSON", help="500000, true, null ...")
        parser.add_argument("--from", required=True, type=date.fromisoformat, metavar="DATE", dest="since")
        parser.add_argument("--article", required=True)
        parser.add_argument("--article-zh", metavar="ARTICLE", help="the article in Chinese, else the same")
        parser.add_argument(
            "--source", required=True, choices=Source.values, help="v read, s second-hand, c to check"
        )
        parser.add_argument("--en", required=True, help="what it says, in English")
        parser.add_argument("--zh", required=True, help="what it says, in Chinese")
        parser.add_argument("--by", required=True, metavar="CODE", help="the manager who asks")
        parser.add_argument("--reason", default="Asked by command", help="told to who approves")

    def handle(self, *args: Any, **options: Any) -> None:
        rule_set = RuleSet.objects.filter(code=options["rule_set"]).first()
        if rule_set is None:
            known = ", ".join(RuleSet.objects.values_list("code", flat=True))
            raise CommandError(f"There is no rule set {options['rule_set']}. Known: {known}.")
        try:
            value = json.loads(options["value"])
        except ValueError as error:
            raise CommandError(f"{options['value']} is not JSON. Nothing was recorded.") from error
        asked = RuleChange(
            rule_set_id=rule_set.id,
            field=options["field"],
            value=value,
            effective_from=options["since"],
            article=options["article"],
            article_zh=options["article_zh"] or options["article"],
            source=options["source"],
            text=options["en"],
            text_zh=options["zh"],
        )
        staff = find_manager(options["by"])
        try:
            says = (asked.article, asked.article_zh, asked.text, asked.text_zh)
            refuse_unwhole(asked.field, asked.value, source=asked.source, says=says)
        except RuleInvalid as error:
            raise CommandError(str(error)) from error
        approval_id = uuid7()
        done = ask(
            asked,
            approval_id=approval_id,
            transaction_id=approval_id,
            staff=staff,
            reason=options["reason"],
            at=timezone.now(),
        )
        told = f"{rule_set.code} {asked.field} = {options['value']} from {asked.effective_from}"
        self.stdout.write(f"{told}: nothing is recorded yet, {who_decides(done.approval)}")
