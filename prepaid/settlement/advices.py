"""What a person has to look at among advices, as exceptions.

Knows the findings that were stored with each advice; must not decide what is one.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from prepaid.identifiers import rrn_of
from prepaid.money import Money, format_amount
from prepaid.settlement.exceptions import Finding, record
from prepaid.stored_value.answers import Answer

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


def record_advices(ids: Sequence[UUID], declined: Sequence[Answer], *, at: datetime) -> int:
    """Store the findings of advices as exceptions, and those that could not be done; count the new ones.

    A repeat stores nothing twice.
    """
    if not ids and not declined:
        return 0
    found = find_advices(" and advice.id = any (%s)", [list(ids)])
    return record([*found, *(_declined(answer) for answer in declined)], at=at)


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
