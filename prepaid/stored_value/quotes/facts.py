"""What a quote is reckoned from: an account's loads, as its ledger rows tell what became of each.

Knows lots and transfers; must not know a rule or a formula.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID

from django.db import connection

# Of an account, a row a lot: what was made (less what was undone, moved, adjusted or expired), what of it
# bought something and what was paid out. One statement is one snapshot; without lots it is one row of nulls.
_SQL = """
with moved as (
    select transfer.lot_no, transfer.position, transaction.undoes, other.kind,
        transfer.amount * case when transfer.debit_account = transfer.account_id then 1 else -1 end as out
    from ledger_transfer as transfer
    join ledger_transaction as transaction using (account_id, position)
    left join ledger_general_account as other
        on other.id in (transfer.debit_account, transfer.credit_account) and other.id <> transfer.account_id
    where transfer.account_id = %(account)s
), flow as (
    select lot.lot_no,
        lot.amount - coalesce(sum(moved.out) filter (where moved.kind is distinct from 'merchant'
            and moved.position <> lot.position), 0)::bigint as kept,
        -- A refund without an original makes its lot out of the merchant's account: that bought nothing.
        coalesce(sum(moved.out) filter (where moved.kind = 'merchant'
            and moved.position <> lot.position), 0)::bigint as consumed,
        coalesce(sum(moved.out) filter (where moved.kind = any (%(tenders)s)
            and moved.undoes is distinct from 'load' and moved.position <> lot.position), 0)::bigint
            as returned
    from ledger_lot as lot left join moved using (lot_no)
    where lot.account_id = %(account)s
    group by lot.lot_no, lot.amount
)
select account.currency, account.balance, account.held, account.position,
    made.business_date, lot.bonus, lot.expires_on, flow.kept + flow.returned, flow.consumed, flow.returned,
    coalesce((select open.remaining from unnest(account.lots) as open where open.lot_no = lot.lot_no), 0),
    made.type = 'load' and not exists (
        select from ledger_transaction as bought
        where bought.account_id = lot.account_id and bought.position < lot.position
            and bought.type in ('redeem', 'capture') and not exists (
                select from ledger_transaction as undo
                where undo.account_id = bought.account_id and undo.original_id = bought.id
                    and undo.type in ('void', 'reversal')))
from ledger_account as account
left join ledger_lot as lot on lot.account_id = account.id
left join ledger_transaction as made on made.account_id = lot.account_id and made.position = lot.position
left join ledger_transaction as earned
    on earned.account_id = lot.account_id and earned.id = made.original_id and made.type = 'bonus'
left join flow on flow.lot_no = lot.lot_no
where account.id = %(account)s
order by coalesce(earned.position, lot.position), lot.bonus, lot.lot_no
"""
TENDERS = ("cash", "bank_card", "alipay", "wechat_pay", "bank_transfer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """A load that was not undone: money paid, and the gift with it. Minor units.

    `consumed_minor` is what was bought with both at face value, less what was refunded; `returned_minor` what
    was paid out in money before; `left` what is still open. What moved away, was adjusted or expired is not
    counted. `may_cool_off`: it was paid onto this account, which had bought nothing before.
    """

    loaded_on: date
    paid_minor: int
    bonus_minor: int = 0
    consumed_minor: int = 0
    returned_minor: int = 0
    paid_left_minor: int = 0
    bonus_left_minor: int = 0
    expires_on: date | None = None
    may_cool_off: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """An account as a quote sees it, on a business date. `position` is where its chain stood."""

    account_id: UUID
    currency: str
    on: date
    position: int
    balance_minor: int
    held_minor: int
    loads: tuple[Load, ...]

    @property
    def paid_minor(self) -> int:
        """Give all that was ever paid and not undone."""
        return sum(load.paid_minor for load in self.loads)

    @property
    def consumed_minor(self) -> int:
        """Give all that was bought, at face value."""
        return sum(load.consumed_minor for load in self.loads)

    @property
    def returned_minor(self) -> int:
        """Give all that was paid out in money before."""
        return sum(load.returned_minor for load in self.loads)


def gather_facts(account_id: UUID, *, on: date) -> Facts:
    """Gather an account's loads, oldest first, in one snapshot. Locks nothing."""
    with connection.cursor() as cursor:
        cursor.execute(_SQL, {"account": account_id, "tenders": list(TENDERS)})
        rows = cursor.fetchall()
    currency, balance, held, position = rows[0][:4]
    lots = [_Lot(*row[4:]) for row in rows if row[4] is not None]
    return Facts(
        account_id=account_id,
        currency=currency,
        on=on,
        position=position,
        balance_minor=balance,
        held_minor=held,
        loads=_loads_of(lots),
    )


@dataclass(frozen=True, slots=True)
class _Lot:
    made_on: date
    bonus: bool
    expires_on: date | None
    amount: int
    consumed: int
    returned: int
    left: int
    may_cool_off: bool


def _loads_of(lots: list[_Lot]) -> tuple[Load, ...]:
    """Put each gift to the load that it came with; one that came alone, to the last load before it."""
    loads: list[Load] = []
    for lot in lots:
        if lot.amount <= 0:
            continue
        if lot.bonus and loads:
            last = loads[-1]
            loads[-1] = replace(
                last,
                bonus_minor=last.bonus_minor + lot.amount,
                consumed_minor=last.consumed_minor + lot.consumed,
                bonus_left_minor=last.bonus_left_minor + lot.left,
            )
        else:
            loads.append(
                Load(
                    loaded_on=lot.made_on,
                    paid_minor=0 if lot.bonus else lot.amount,
                    bonus_minor=lot.amount if lot.bonus else 0,
                    consumed_minor=lot.consumed,
                    returned_minor=lot.returned,
                    paid_left_minor=0 if lot.bonus else lot.left,
                    bonus_left_minor=lot.left if lot.bonus else 0,
                    expires_on=lot.expires_on,
                    may_cool_off=lot.may_cool_off,
                )
            )
    return tuple(loads)
