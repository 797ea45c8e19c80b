"""Lots that no function makes yet: bonus of a campaign, expiries of their own; and lots as they are read."""

from __future__ import annotations

from datetime import date

from prepaid.runner.cluster import SUPERUSER
from tests.conftest import connect_as
from tests.shop import HeldCard, Shop

_LAST = "lot_no = (select lot_count from ledger_account where id = account_id)"
_AS_BONUS = (
    "update ledger_lot set bonus = %s, expires_on = %s, campaign = %s, reference = 'r-1', "
    f"tender = case when %s then 'promotion' else tender end where account_id = %s and {_LAST}"
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
    """Load a lot and make it what is asked behind the ledger's back."""
    assert shop.load_at_desk(held, amount, origin=shop.counter, sequence=None).approved
    with connect_as(SUPERUSER) as superuser:
        superuser.execute("set session_replication_role = replica")
        superuser.execute(_AS_BONUS, [bonus, expires_on, campaign, bonus, held.account_id])
        superuser.execute(_OPEN_AGAIN, [shop.program.consumption_order == "bonus_first", held.account_id])


def lots_of(held: HeldCard) -> list[str]:
    """List the open lots, oldest first: bonus, remaining, expiry, tender, campaign."""
    return list(held.row(_LOTS))
