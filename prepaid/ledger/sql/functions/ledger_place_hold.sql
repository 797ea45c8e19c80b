-- Reserves an amount of an account until it is captured, released or expires. Minor units.
-- The caller has decided that the amount is available on p_before. Locks the account's row.
-- Returns the chain's new hash, or null when another transaction came between.
create or replace function ledger_place_hold(
    p_request ledger_request, p_before ledger_account, p_amount bigint, p_expires_at timestamptz
) returns bytea language plpgsql as $$
declare
    v_after ledger_account := p_before;
    v_hash bytea;
begin
    v_after.held := p_before.held + p_amount;
    v_hash := ledger_post(p_request, p_before, v_after, 'hold', p_amount, null, null, null, '{}');
    if v_hash is not null then
        insert into ledger_hold (account_id, id, amount, expires_at, placed_on)
        values (p_before.id, p_request.id, p_amount, p_expires_at, p_request.business_date);
    end if;
    return v_hash;
end $$;
