"""Stand-in limits of a test's shop, grants under them, and advices as a terminal would tell them."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from prepaid.money import Money
from prepaid.stored_value.answers import Answer
from prepaid.stored_value.stand_in import advise_redeem
from prepaid.stores.policy import Limits, policy_of, set_stand_in
from tests.shop import HeldCard, Shop

LIMITS = Limits(
    per_transaction=5_000, per_card=8_000, per_terminal=20_000, count=10, age_s=86_400, floor_sun=5_000,
    floor_qr=2_000,
)  # fmt: skip


def allow(shop: Shop, limits: Limits = LIMITS, *, at: datetime | None = None) -> str:
    """Allow a shop's terminals to stand in, and give a grant of its terminal."""
    set_stand_in(shop.store, limits, actor="test", at=at or shop.at)
    return grant_of(shop, at=at)


def grant_of(shop: Shop, *, at: datetime | None = None) -> str:
    return str(policy_of(shop.terminal, at=at or shop.at)["stand_in"]["grant"])


def advise(shop: Shop, held: HeldCard, amount: int, grant: str, **changed: Any) -> Answer:
    """Tell of one redeem that the terminal approved by itself with a card of the shop."""
    presentation = changed.pop("presentation", None) or held.tap()
    return advise_redeem(
        shop.request(**changed), presentation, Money(amount, shop.program.currency), grant=grant
    )


def told_of(advice_id: UUID) -> tuple[list[str], str | None, int]:
    """Give what was found about an advice: findings, reason, and shortfall in minor units."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select findings, reason, shortfall from ledger_advice where id = %s", [str(advice_id)]
        )
        row = cursor.fetchone()
    return list(row[0]), row[1], int(row[2])


def lent(shop: Shop) -> int:
    """What the store's shortfall account has lent and not got back. Minor units."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select coalesce(sum(case when debit_account = account.id then amount else -amount end), 0) "
            "from ledger_general_account as account join ledger_transfer as transfer "
            "on account.id in (debit_account, credit_account) "
            "where account.owner_id = %s and account.kind = 'shortfall'",
            [shop.store.id],
        )
        return int(cursor.fetchone()[0])
