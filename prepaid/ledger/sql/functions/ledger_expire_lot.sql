-- Takes what is left of an expired lot off its account, to a general account: one transaction of type 'expire'.
-- Returns false, and moves nothing, where the lot is not open, has not expired on p_request.business_date, or an open
-- hold may still use it. Minor units. Locks the account's row.
create or replace function ledger_expire_lot(p_request ledger_request, p_account uuid, p_lot_no integer, p_credit uuid)
returns boolean language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    v_before ledger_account;
    v_after ledger_account;
    v_lot ledger_open_lot;
begin
    select * into v_before from ledger_account where id = p_account for update;
    select * into v_lot from unnest(v_before.lots) as lot
    where lot.lot_no = p_lot_no and lot.expires_on < p_request.business_date;
    if v_lot.lot_no is null or exists (
        select from ledger_hold as hold
        where hold.account_id = p_account and hold.resolution is null and hold.placed_on <= v_lot.expires_on)
    then
        return false;
    end if;
    v_after := v_before;
    v_after.lots := ledger_take_from(v_before.lots, p_lot_no, v_lot.remaining);
    v_after.balance := v_before.balance - v_lot.remaining;
    perform ledger_post(
        p_request, v_before, v_after, 'expire', v_lot.remaining, null, null, null,
        array[row(p_lot_no, p_account, p_credit, v_lot.remaining)::ledger_leg]);
    return true;
end $$;
