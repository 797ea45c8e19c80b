"""The way of reckoning that a person chose for a card return, kept with its working; and its payment.

Knows records that are only added; the posting itself is return_card's.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import connection

from prepaid.cards.models import Card
from prepaid.cards.rules.in_force import rules_in_force
from prepaid.stored_value.answers import Answer, TransactionError
from prepaid.stored_value.quotes.quote import Quote, as_json
from prepaid.stored_value.requests import Request

ReturnCard = Callable[..., Answer]
_COLUMNS = (
    "id, account_id, card_id, position, currency, branch, refund_minor, interest_minor, paid_minor, "
    "paid_from_bonus_minor, forfeited_bonus_minor, retained_minor, closes, reason, store_id, business_date, "
    "due_on, operator, recorded_at"
)


class ChoiceRefused(TransactionError):
    """This way may not be chosen; nothing was recorded and nothing moved."""

    code = "choice_refused"


class CardMoved(TransactionError):
    """The card was used after it was quoted; nothing moved, quote it again."""

    code = "card_moved"


class PaymentAbsent(TransactionError):
    """This version does not pay a card return out; nothing moved."""

    code = "payment_absent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A chosen way. Minor units. Its id is that of the transaction that pays it, at `paid_out_at`."""

    id: UUID
    account_id: UUID
    card_id: UUID
    position: int
    currency: str
    branch: str
    refund_minor: int
    interest_minor: int
    paid_minor: int
    paid_from_bonus_minor: int
    forfeited_bonus_minor: int
    retained_minor: int
    closes: bool
    reason: str
    store_id: UUID
    business_date: date
    due_on: date | None
    operator: str
    recorded_at: datetime
    paid_out_at: datetime | None = None

    @property
    def total_minor(self) -> int:
        """Give what the card holder gets, interest included."""
        return self.refund_minor + self.interest_minor


def choose(
    quote: Quote,
    branch_code: str,
    *,
    choice_id: UUID,
    reason: str,
    store_id: UUID,
    operator: str,
    at: datetime,
) -> None:
    """Record which way was chosen and why, with the whole quote; a repeat of the same id records nothing.

    Raises ChoiceRefused.
    """
    branch = quote.branch(branch_code)
    if branch is None or not branch.applies:
        raise ChoiceRefused(f"{branch_code} is not a way that the rules in force allow.")
    if branch.uncovered_minor:
        raise ChoiceRefused("The card holds less than the refund: adjust it first.")
    if not reason.strip():
        raise ChoiceRefused("A choice needs a reason.")
    with connection.cursor() as cursor:
        cursor.execute(
            f"insert into stored_value_return_quote ({_COLUMNS}, quote) values ({', '.join(['%s'] * 20)}) "
            "on conflict (id) do nothing",
            [
                choice_id,
                quote.account_id,
                quote.card_id,
                quote.position,
                quote.currency,
                branch.code,
                branch.refund_minor,
                branch.interest_minor,
                branch.paid_minor,
                branch.paid_from_bonus_minor,
                branch.forfeited_bonus_minor,
                branch.retained_minor,
                branch.closes,
                reason.strip()[:500],
                store_id,
                quote.on,
                quote.due_on,
                operator,
                at,
                json.dumps(as_json(quote), ensure_ascii=False),
            ],
        )


def list_choices(*, account_id: UUID | None = None, limit: int = 500) -> list[Choice]:
    """List chosen ways, of one account or of all, newest first, with when each was paid out."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"select choice.{_COLUMNS.replace(', ', ', choice.')}, answer.recorded_at "
            "from stored_value_return_quote as choice "
            "left join ledger_answer as answer on answer.id = choice.id and answer.outcome = 'approved' "
            "where choice.account_id = coalesce(%s, choice.account_id) "
            "order by choice.recorded_at desc, choice.id desc limit %s",
            [account_id, limit],
        )
        names = [*_COLUMNS.split(", "), "paid_out_at"]
        return [Choice(**dict(zip(names, row, strict=True))) for row in cursor.fetchall()]


def find_choice(account_id: UUID) -> Choice | None:
    """Find the last choice for an account, which is the one that stands."""
    return next(iter(list_choices(account_id=account_id, limit=1)), None)


def find_return_card() -> ReturnCard | None:
    """Find the function that posts a card return; None in a version that has none."""
    try:
        module: Any = importlib.import_module("prepaid.stored_value.return_card")
    except ModuleNotFoundError:
        return None
    found: ReturnCard = module.return_card
    return found


def list_tenders(choice: Choice, on: date) -> list[str]:
    """List how a choice may be paid on a business date: by bank transfer, in cash where no rule says less."""
    program = Card.objects.select_related("program").get(pk=choice.card_id).program
    channel = rules_in_force(program.rule_set_id, on).get("refund_channel")
    most = None if channel is None else channel.stated.get("cash_up_to")
    return ["bank_transfer"] if most is not None and choice.refund_minor > most else ["bank_transfer", "cash"]


def pay_choice(choice: Choice, request: Request, *, tender: str) -> Answer:
    """Post a chosen card return: its id is the choice's, so that it is paid once.

    Raises PaymentAbsent, ChoiceRefused for a tender that a rule forbids, CardMoved where the account's chain
    grew since, and what return_card raises.
    """
    return_card = find_return_card()
    if return_card is None:
        raise PaymentAbsent("This version does not pay card returns out.")
    assert request.id == choice.id, "a choice is paid out under its own id"
    if tender not in list_tenders(choice, request.business_date):
        raise ChoiceRefused("A refund of this amount is not paid in cash.")
    with connection.cursor() as cursor:
        cursor.execute("select position from ledger_account where id = %s", [choice.account_id])
        (position,) = cursor.fetchone()
    if position != choice.position and choice.paid_out_at is None:
        raise CardMoved("The card was used after this was quoted. Quote it again; no money was moved.")
    return return_card(
        request,
        choice.card_id,
        paid_minor=choice.paid_minor,
        paid_from_bonus_minor=choice.paid_from_bonus_minor,
        forfeited_bonus_minor=choice.forfeited_bonus_minor,
        retained_minor=choice.retained_minor,
        tender=tender,
        note=f"{choice.branch}: {choice.reason}"[:200],
        closes=choice.closes,
    )
