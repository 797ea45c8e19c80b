"""A load with a gift, posted by the ledger's own functions as their owner."""

from __future__ import annotations

from typing import Any

import psycopg

from prepaid.ledger.accounts import general_account_id
from prepaid.stored_value.calls import REQUEST, request_values
from tests.shop import HeldCard, Shop

Owner = psycopg.Connection[Any]
_FUNCTION = """
create or replace function pg_temp.load_with_gift(
    p_request public.ledger_request, p_card uuid, p_paid bigint, p_gift bigint, p_tender uuid, p_bonus uuid,
    p_expires_on date
) returns void language plpgsql set search_path = public as $$
declare
    v_desk stored_value_presented := row('desk', null, null, null, null, p_card);
    v_card stored_value_card := stored_value_find_card(v_desk);
    v_account ledger_account;
    v_after ledger_account;
    v_first boolean := (v_card.program).consumption_order = 'bonus_first';
    v_hash bytea;
begin
    select * into v_account from ledger_account where id = v_card.account_id for update;
    v_after := v_account;
    v_after.lot_count := v_account.lot_count + 2;
    v_after.lots := ledger_put(v_account.lots, v_after.lot_count - 1, false, p_paid, p_expires_on, v_first);
    v_after.lots := ledger_put(v_after.lots, v_after.lot_count, true, p_gift, p_expires_on, v_first);
    v_after.balance := v_account.balance + p_paid + p_gift;
    insert into ledger_lot (account_id, lot_no, position, bonus, amount, expires_on, tender) values
        (v_account.id, v_after.lot_count - 1, v_account.position + 1, false, p_paid, p_expires_on, 'cash'),
        (v_account.id, v_after.lot_count, v_account.position + 1, true, p_gift, p_expires_on, 'bonus');
    v_hash := ledger_post(
        p_request, v_account, v_after, 'load', p_paid + p_gift, null, null, 'cash', array[
            row(v_after.lot_count - 1, p_tender, v_account.id, p_paid)::ledger_leg,
            row(v_after.lot_count, p_bonus, v_account.id, p_gift)::ledger_leg]);
    perform stored_value_reply_with(
        p_request, 'load', null, p_paid + p_gift, p_paid + p_gift, v_account.currency, v_after.balance,
        v_after.balance, v_account.position + 1, v_card, null, v_hash);
end $$;
"""


def load_with_gift(
    owner: Owner, shop: Shop, held: HeldCard, paid: int, gift: int, *, expires_on: Any = None, **changed: Any
) -> None:
    """Load what was paid with a gift beside it. Minor units."""
    owner.execute(_FUNCTION)
    accounts = [
        general_account_id(kind, owner_id=shop.store.id, currency="CNY") for kind in ("cash", "bonus")
    ]
    owner.execute(
        f"select pg_temp.load_with_gift({REQUEST}, %s::uuid, %s::bigint, %s::bigint, %s, %s, %s::date)",
        [*request_values(shop.request(**changed)), held.card.id, paid, gift, *accounts, expires_on],
    )
