"""How each kind is carried out once it is approved: one function each, in the commit of the decision.

Knows the functions of stored value and cards; must not know who may decide.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from django.db import DatabaseError

from prepaid.cards.errors import CardNotFound, ChangeRefused
from prepaid.cards.lifecycle import change_state
from prepaid.cards.models import Program, RuleSet
from prepaid.cards.presentation import at_the_desk
from prepaid.cards.rules.fields import RuleInvalid
from prepaid.cards.rules.in_force import RuleRefused, change_rule
from prepaid.keys import site_keys
from prepaid.money import Money
from prepaid.stored_value.adjust import adjust
from prepaid.stored_value.answers import Answer
from prepaid.stored_value.approvals.models import Approval
from prepaid.stored_value.approvals.payloads import (
    Adjust,
    BulkImport,
    BulkIssue,
    CardReturn,
    LimitChange,
    Payload,
    ProgramChange,
    RefundUnlinked,
    RuleChange,
    Unblock,
)
from prepaid.stored_value.approvals.terms import terms_are
from prepaid.stored_value.bulk.errors import BulkRefused
from prepaid.stored_value.bulk.imports import start_import
from prepaid.stored_value.bulk.orders import approve_order
from prepaid.stored_value.quotes.choices import CardMoved, ChoiceRefused, find_choice, pay_choice
from prepaid.stored_value.refund import refund_unlinked
from prepaid.stored_value.requests import Request, origin_of_till
from prepaid.stored_value.return_card import return_card
from prepaid.stores.models import Till


@dataclass(frozen=True, slots=True)
class Carried:
    """What came of it: the answer where value was asked to move, and the reason where nothing was done."""

    reason: str | None = None
    answer: Answer | None = None


def request_of(approval: Approval, asked: Payload, *, at: datetime) -> Request:
    """Make the request of a posting: by who asked, at the till where it was asked, under the id made then."""
    assert approval.origin_id is not None, "what moves value is asked for at a till"
    till = Till.objects.select_related("store").get(pk=approval.origin_id)
    return Request(
        id=approval.transaction_id,
        origin=origin_of_till(till),
        digest=site_keys().content_digest(msgspec.json.encode(asked)),
        occurred_at=at,
        recorded_at=at,
        operator=approval.asked_by,
        note=approval.reason,
    )


def carry_out_adjust(approval: Approval, asked: Adjust, *, at: datetime) -> Carried:
    """Post the adjustment. Locks the account."""
    money = Money(asked.amount_minor, asked.currency)
    request = request_of(approval, asked, at=at)
    return _of(adjust(request, asked.card_id, money, direction=asked.direction, bonus=asked.bonus))


def carry_out_refund(approval: Approval, asked: RefundUnlinked, *, at: datetime) -> Carried:
    """Give value without an original. Locks the account."""
    money = Money(asked.amount_minor, asked.currency)
    request = request_of(approval, asked, at=at)
    return _of(refund_unlinked(request, at_the_desk(asked.card_id), money, approval=approval.id))


def carry_out_unblock(approval: Approval, asked: Unblock, *, at: datetime) -> Carried:
    """Let the card run again. Locks the card's row."""
    try:
        change_state(
            asked.card_id,
            "unblock",
            actor=approval.asked_by,
            at=at,
            reason=approval.reason,
            event_id=approval.transaction_id,
        )
    except (ChangeRefused, CardNotFound) as error:
        return Carried(error.code)
    except DatabaseError as error:
        if getattr(error.__cause__, "sqlstate", None) != "PC904":
            raise
        # One person asked, and since then the account holds more than one may decide about.
        return Carried("changed_since")
    return Carried()


def carry_out_limit_change(approval: Approval, asked: LimitChange, *, at: datetime) -> Carried:
    """Change the term, if it is still what it was when this was asked. Locks the program's row."""
    return _change_terms(
        asked.program_id, before={asked.term: asked.before_minor}, after={asked.term: asked.after_minor}
    )


def carry_out_program_change(approval: Approval, asked: ProgramChange, *, at: datetime) -> Carried:
    """Change the terms, if each is still what it was when this was asked. Locks the program's row."""
    return _change_terms(asked.program_id, before=asked.before, after=asked.after)


def carry_out_rule_change(approval: Approval, asked: RuleChange, *, at: datetime) -> Carried:
    """Record the rule from its date on."""
    try:
        change_rule(
            rule_set=RuleSet.objects.get(pk=asked.rule_set_id),
            field=asked.field,
            value=asked.value,
            effective_from=asked.effective_from,
            article=asked.article,
            article_zh=asked.article_zh,
            source=asked.source,
            text=asked.text,
            text_zh=asked.text_zh,
            by=approval.asked_by,
            at=at,
        )
    except RuleInvalid:
        return Carried("rule_invalid")
    return Carried()


def carry_out_card_return(approval: Approval, asked: CardReturn, *, at: datetime) -> Carried:
    """Pay the card out and close it. Locks the account's cards, then the account."""
    request = request_of(approval, asked, at=at)
    if asked.choice_id is None:
        return _of(
            return_card(
                request,
                asked.card_id,
                paid_minor=asked.paid_minor,
                forfeited_bonus_minor=asked.forfeited_bonus_minor,
                paid_from_bonus_minor=asked.paid_from_bonus_minor,
                retained_minor=asked.retained_minor,
                tender=asked.tender,
                note=approval.reason,
                currency=asked.currency,
            )
        )
    assert approval.account_id is not None, "a card that is returned has an account"
    choice = find_choice(approval.account_id)
    if choice is None or choice.id != asked.choice_id:
        return Carried("changed_since")
    try:
        return _of(pay_choice(choice, request, tender=asked.tender))
    except CardMoved:
        return Carried("changed_since")
    except ChoiceRefused:
        return Carried("type_not_allowed")


def carry_out_bulk_issue(approval: Approval, asked: BulkIssue, *, at: datetime) -> Carried:
    """Let the order be made, by the name of who decided; the job goes on with it. Locks the order's row."""
    return _let_go_on(approve_order, asked.order_id, approval, at)


def carry_out_bulk_import(approval: Approval, asked: BulkImport, *, at: datetime) -> Carried:
    """Let the file be brought in; the job goes on with it. Locks the import's row."""
    return _let_go_on(start_import, asked.import_id, approval, at)


def _let_go_on(lead: Callable[..., object], bulk_id: UUID, approval: Approval, at: datetime) -> Carried:
    assert approval.decided_by is not None, "it is carried out once it is decided"
    try:
        lead(bulk_id, by=approval.decided_by, at=at)
    except BulkRefused:
        return Carried("changed_since")
    except RuleRefused as refused:
        return Carried(refused.code)
    return Carried()


def _change_terms(program_id: UUID, *, before: dict[str, Any], after: dict[str, Any]) -> Carried:
    changed = Program.objects.filter(pk=program_id, **terms_are(before)).update(**after)
    return Carried() if changed else Carried("changed_since")


def _of(answer: Answer) -> Carried:
    return Carried(answer.reason, answer)
