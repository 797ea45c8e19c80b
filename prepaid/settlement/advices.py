"""What a person has to look at among advices, as exceptions.

Knows the findings that were stored with each advice; must not decide what is one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from prepaid.identifiers import rrn_of
from prepaid.money import Money, format_amount
from prepaid.settlement.exceptions import Finding, record
from prepaid.stored_value.answers import Answer
from prepaid.stores.models import Terminal

# As they stand in ledger_advice; the kind of exception is named after each.
FINDINGS = (
    "shortfall", "over_grant", "grant_refused", "late_counter", "unproven", "unusable",
)  # fmt: skip
DECLINED = "advice_declined"
_SELECT = """
select advice.id, advice.account_id, advice.type, advice.amount, advice.currency, advice.shortfall,
    advice.findings, coalesce(advice.reason, ''), coalesce(card.last_four, ''), coalesce(store.code, ''),
    coalesce(terminal.name, ''), advice.occurred_at
from ledger_advice as advice
left join cards_card as card on card.id = advice.presented_id
left join stores_terminal as terminal on terminal.id = advice.origin_id
left join stores_store as store on store.id = advice.store_id
where advice.findings <> '{}'
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unrecorded:
    """What a terminal says that it did offline, and is recorded nowhere, for a reason of the API."""

    id: UUID
    terminal_id: UUID
    type: str
    amount: Money | None
    occurred_at: datetime
    code: str


def record_advices(
    ids: Sequence[UUID],
    declined: Sequence[Answer],
    unrecorded: Sequence[Unrecorded] = (),
    *,
    at: datetime,
) -> int:
    """Store the findings of advices as exceptions, and those that could not be done; count the new ones.

    A repeat stores nothing twice.
    """
    if not ids and not declined and not unrecorded:
        return 0
    found = find_advices(" and advice.id = any (%s)", [list(ids)])
    lost = [_unrecorded(each) for each in unrecorded]
    return record([*found, *(_declined(answer) for answer in declined), *lost], at=at)


def find_advices(condition: str = "", values: Sequence[Any] = ()) -> list[Finding]:
    """Find every advice with something to look at, one finding for each cause."""
    with connection.cursor() as cursor:
        cursor.execute(_SELECT + condition, list(values))
        return [finding for row in cursor.fetchall() for finding in _findings(row)]


def _findings(row: tuple[Any, ...]) -> list[Finding]:
    (
        advice_id,
        account_id,
        kind,
        amount,
        currency,
        shortfall,
        codes,
        reason,
        last_four,
        store,
        terminal,
        at,
    ) = row
    detail = {
        "store": store,
        "terminal": terminal,
        "rrn": rrn_of(advice_id),
        "type": kind,
        "amount": amount,
        "currency": currency,
        "shortfall": shortfall,
        "reason": reason,
        "last_four": last_four,
        "account": str(account_id),
        "occurred_at": at.isoformat(),
    }
    money = format_amount(Money(amount, currency))
    return [
        Finding(
            kind=f"advice_{code}",
            subject="transaction",
            key=str(advice_id),
            found=f"{store} {terminal}: offline {kind} of {money}, card {last_four or 'unknown'}, "
            f"{_said(code, shortfall, currency, reason)}",
            detail=detail,
        )
        for code in dict.fromkeys(codes)
    ]


def _said(code: str, shortfall: int, currency: str, reason: str) -> str:
    if code == "shortfall":
        return f"short of {format_amount(Money(shortfall, currency))}"
    return reason if code in ("unproven", "unusable") else code.replace("_", " ")


def _declined(answer: Answer) -> Finding:
    return Finding(
        kind=DECLINED,
        subject="transaction",
        key=str(answer.id),
        found=f"offline {answer.type} {answer.rrn} could not be done: {answer.reason}",
    )


def _unrecorded(each: Unrecorded) -> Finding:
    """Say what was sold or taken and stands in no book: a person has to find out why, and correct it."""
    terminal = Terminal.objects.select_related("store").get(pk=each.terminal_id)
    rrn, store = rrn_of(each.id), terminal.store.code
    money = "" if each.amount is None else f" of {format_amount(each.amount)}"
    shown: dict[str, Any] = {}
    if each.amount is not None:
        shown = {
            "store": store,
            "terminal": terminal.name,
            "rrn": rrn,
            "type": each.type,
            "amount": each.amount.amount_minor,
            "currency": each.amount.currency,
            "shortfall": 0,
            "reason": "",
            "code": each.code,
            "last_four": "",
            "occurred_at": each.occurred_at.isoformat(),
        }
    return Finding(
        kind=DECLINED,
        subject="transaction",
        key=str(each.id),
        found=f"{store} {terminal.name}: offline {each.type} {rrn}{money} was not recorded: {each.code}",
        detail=shown,
    )
