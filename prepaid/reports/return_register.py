"""The register of card returns (R8): payments that may be taken back whole, refunds with their deadlines.

Knows dates and what is due; must not decide a refund.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from uuid import UUID

from django.db import connection
from django.utils import timezone

from prepaid.stored_value.quotes.choices import Choice, list_choices

ROWS_MAX = 500
# An id tells its milliseconds; a store's day may begin a day before or after that of UTC.
MARGIN = timedelta(days=2)
# No cooling-off period is longer.
WINDOW_MAX = timedelta(days=60)
_COOLING = """
select (
        select id from cards_card as card where card.account_id = load.account_id
        order by issued_at desc limit 1),
    load.account_id, load.business_date, load.business_date + (rule.value #>> '{}')::integer, lot.amount,
    account.currency,
    exists (
        select from ledger_transfer as spent
        join ledger_general_account as other on other.id = spent.credit_account and other.kind = 'merchant'
        join ledger_lot as part on part.account_id = spent.account_id and part.lot_no = spent.lot_no
        where spent.account_id = load.account_id and part.position = load.position)
from ledger_answer as answer
join ledger_transaction as load on load.account_id = answer.account_id and load.position = answer.position
join ledger_lot as lot on lot.account_id = load.account_id and lot.position = load.position and not lot.bonus
join ledger_account as account on account.id = load.account_id
join cards_account as held on held.id = load.account_id
join cards_program as program on program.id = held.program_id
join lateral stored_value_rules(program.rule_set_id, %(on)s::date) as rule on rule.field = 'cooling_off_days'
where answer.id >= %(since)s and answer.type = 'load' and answer.outcome = 'approved'
    and load.business_date between %(on)s::date - (rule.value #>> '{}')::integer and %(on)s::date
    and not exists (
        select from ledger_transaction as undo
        where undo.account_id = load.account_id and undo.original_id = load.id
            and undo.type in ('void', 'reversal'))
order by 4, load.account_id, load.position limit %(limit)s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cooling:
    """A payment that may be taken back whole through `ends_on`, unless it was used. Minor units."""

    card_id: UUID
    account_id: UUID
    paid_on: date
    ends_on: date
    amount_minor: int
    currency: str
    used: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A chosen card return, and whether its deadline has passed unpaid."""

    choice: Choice
    overdue: bool
    superseded: bool


def list_cooling(on: date) -> list[Cooling]:
    """List payments within their cooling-off period on a business date, the soonest to end first."""
    begin = datetime.combine(on - WINDOW_MAX - MARGIN, time.min, timezone.get_default_timezone())
    since = UUID(int=int(begin.timestamp() * 1000) << 80)
    with connection.cursor() as cursor:
        cursor.execute(_COOLING, {"on": on, "since": since, "limit": ROWS_MAX})
        return [
            Cooling(
                card_id=row[0],
                account_id=row[1],
                paid_on=row[2],
                ends_on=row[3],
                amount_minor=row[4],
                currency=row[5],
                used=row[6],
            )
            for row in cursor.fetchall()
        ]


def list_due(on: date) -> list[Due]:
    """List chosen card returns, newest first; an unpaid one counts until its account has a newer one."""
    listed, newest = [], set()
    for choice in list_choices(limit=ROWS_MAX):
        unpaid = choice.paid_out_at is None
        superseded = unpaid and choice.account_id in newest
        newest.add(choice.account_id)
        late = choice.due_on is not None and choice.due_on < on
        listed.append(Due(choice=choice, overdue=unpaid and late and not superseded, superseded=superseded))
    return listed
