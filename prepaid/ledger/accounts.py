"""Accounts of the ledger: those of card holders, and general accounts that are derived from transfers.

Knows ids and opening; must not know cards, stores or tenders: an owner is an opaque id.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal, get_args
from uuid import UUID, uuid5

from django.db import connection

from prepaid.money import UNITS

GeneralKind = Literal[
    "merchant", "cash", "bank_card", "alipay", "wechat_pay", "bank_transfer", "promotion", "fees", "breakage",
    "adjustment", "shortfall", "clearing", "move", "migration",
]  # fmt: skip
_NAMES = UUID("7d0f7a3e-7c02-4f43-9a64-0f5f6b0c6f0e")


def general_account_id(kind: GeneralKind, *, owner_id: UUID, currency: str) -> UUID:
    """Name a general account: its id follows from kind, owner and currency, so that no look-up is needed."""
    return uuid5(_NAMES, f"{kind}:{owner_id}:{currency}")


def open_general_accounts(*, owner_id: UUID, currency: str) -> None:
    """Open every kind of general account of an owner, in its currency and in each unit; safe to repeat."""
    rows = [
        (general_account_id(kind, owner_id=owner_id, currency=code), kind, code)
        for code in (currency, *UNITS)
        for kind in get_args(GeneralKind)
    ]
    ids, kinds, codes = (list(column) for column in zip(*rows, strict=True))
    with connection.cursor() as cursor:
        cursor.execute(
            "select ledger_open_general_account(opened.id, opened.kind, %s, opened.code) "
            "from unnest(%s::uuid[], %s::text[], %s::text[]) as opened (id, kind, code)",
            [owner_id, ids, kinds, codes],
        )


def open_account(account_id: UUID, *, currency: str, at: datetime) -> None:
    """Open a card holder's account with nothing on it; opening it again changes nothing."""
    with connection.cursor() as cursor:
        cursor.execute("select ledger_open_account(%s, %s, %s)", [account_id, currency, at])
