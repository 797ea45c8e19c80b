"""Lots that no function makes yet: bonus of a campaign, expiries of their own; and lots as they are read."""

from __future__ import annotations

from datetime import date

from prepaid.ledger.accounts import general_account_id
from prepaid.runner.cluster import SUPERUSER
from prepaid.stored_value.calls import REQUEST, request_values
from tests.conftest import connect_as
from tests.shop import HeldCard, Shop

_LAST = "lot_no = (select lot_count from ledger_account where id = account_id)"
_AS_ASKED = (
    "update ledger_lot set expires_on = %s, campaign = %s, reference = 'r-1' "
    f"where account_id = %s and {_LAST}"
)
_PROMISE = (
    "insert into ledger_bonus "
    "(account_id, load_id, number, id, amount, due_on, valid_days, tender, campaign, source_account, "
    "origin_id, store_id) select load.account_id, load.id, part.number, "
    "ledger_derived_id(load.id, part.number::text), %(amount)s, load.business_date, %(days)s, 'promotion', "
    "%(campaign)s, %(source)s, load.origin_id, load.store_id "
    "from ledger_transaction as load, lateral (select count(*)::smallint + 1::smallint as number "
    "from ledger_bonus where account_id = load.account_id) as part "
    "where load.account_id = %(account)s and load.type = 'load' order by load.position limit 1"
)
_PAY = (
    f"select ledger_pay_bonus({REQUEST}, account, bonus, %s) from ledger_account as account "
    "join ledger_bonus as bonus on bonus.account_id = account.id "
    "where account.id = %s and bonus.resolution is null"
)
_OPEN_AGAIN = (
    "update ledger_account set lots = array(select "
    "row(open.lot_no, lot.bonus, open.remaining, lot.expires_on)::ledger_open_lot "
    "from unnest(lots) as open join ledger_lot as lot on lot.account_id = id and lot.lot_no = open.lot_no "
    "order by lot.bonus <> %s, lot.expires_on nulls last, lot.lot_no) where id = %s"
)
_LOTS = (
    "array(select row(lot.bonus, open.remaining, lot.expires_on, lot.tender, lot.campaign)::text "
    "from unnest(lots) as open join ledger_lot as lot on lot.account_id = ledger_account.id "
    "and lot.lot_no = open.lot_no order by lot.lot_no)"
)


def add_lot(
    held: HeldCard,
    shop: Shop,
    amount: int,
    *,
    bonus: bool = False,
    expires_on: date | None,
    campaign: str = "",
) -> None:
    """Load a lot, or give a bonus, and make it what is asked behind the ledger's back."""
    if bonus:
        _give(held, shop, amount, expires_on=expires_on, campaign=campaign or "gift")
        return
    assert shop.load_at_desk(held, amount, origin=shop.counter, sequence=None).approved
    with connect_as(SUPERUSER) as superuser:
        superuser.execute("set session_replication_role = replica")
        superuser.execute(_AS_ASKED, [expires_on, campaign, held.account_id])
        superuser.execute(_OPEN_AGAIN, [shop.program.consumption_order != "paid_first", held.account_id])


def _give(held: HeldCard, shop: Shop, amount: int, *, expires_on: date | None, campaign: str) -> None:
    """Promise one more part of a bonus with the account's first load, and pay it."""
    request = shop.request(origin=shop.counter, sequence=None)
    values = {
        "account": held.account_id,
        "amount": amount,
        "days": None if expires_on is None else (expires_on - request.business_date).days,
        "campaign": campaign,
        "source": general_account_id("promotion", owner_id=shop.store.id, currency=shop.program.currency),
    }
    with connect_as(SUPERUSER) as superuser:
        superuser.execute(_PROMISE, values)
        bonus_first = shop.program.consumption_order != "paid_first"
        superuser.execute(_PAY, [*request_values(request), bonus_first, held.account_id])


def lots_of(held: HeldCard) -> list[str]:
    """List the open lots, oldest first: bonus, remaining, expiry, tender, campaign."""
    return list(held.row(_LOTS))
