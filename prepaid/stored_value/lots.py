"""What an account's open lots add up to, by kind, for screens and for whoever works out a payout."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from django.db import connection


@dataclass(frozen=True, slots=True, kw_only=True)
class LotSums:
    """Sums of open lots in minor units: paid and bonus that can be spent, and what has expired."""

    paid_minor: int
    bonus_minor: int
    expired_minor: int


_SQL = """
select coalesce(sum(remaining) filter (where not bonus and not expired), 0)::bigint,
    coalesce(sum(remaining) filter (where bonus and not expired), 0)::bigint,
    coalesce(sum(remaining) filter (where expired), 0)::bigint
from (
    select lot.bonus, lot.remaining, coalesce(lot.expires_on < %s, false) as expired
    from ledger_account as account, unnest(account.lots) as lot
    where account.id = %s
) as open
"""


def sum_lots(account_id: UUID, *, on: date) -> LotSums:
    """Add up an account's open lots as they stand on a business date. Locks nothing."""
    with connection.cursor() as cursor:
        cursor.execute(_SQL, [on, account_id])
        paid, bonus, expired = cursor.fetchone()
    return LotSums(paid_minor=paid, bonus_minor=bonus, expired_minor=expired)
