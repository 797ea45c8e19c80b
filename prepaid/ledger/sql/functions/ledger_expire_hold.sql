-- Resolves a hold whose time is over: what it reserved is available again. Returns false where it was resolved already
-- or its time is not over at p_request.recorded_at, which may lie no more than a minute ahead of the database's clock
-- (PC903). Locks the account's row, then the hold's.
create or replace function ledger_expire_hold(p_request ledger_request, p_account uuid, p_hold uuid) returns boolean
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    v_before ledger_account;
    v_after ledger_account;
    v_amount bigint;
begin
    if p_request.recorded_at > clock_timestamp() + interval '1 minute' then
        raise exception 'a hold does not expire by a clock that is ahead: %', p_request.recorded_at using errcode = 'PC903';
    end if;
    select * into v_before from ledger_account where id = p_account for update;
    update ledger_hold set resolution = 'expired', resolved_by = p_request.id
    where account_id = p_account and id = p_hold and resolution is null and expires_at <= p_request.recorded_at
    returning amount into v_amount;
    if not found then
        return false;
    end if;
    v_after := v_before;
    v_after.held := v_before.held - v_amount;
    perform ledger_post(p_request, v_before, v_after, 'release', v_amount, p_hold, 'hold', null, '{}');
    perform ledger_recover(p_request, v_after);
    return true;
end $$;
