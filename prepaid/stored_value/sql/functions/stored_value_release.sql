-- Gives a hold back whole; stores the answer. Locks the account's row, then the hold's. Raises as stored_value_redeem.
create or replace function stored_value_release(p_request ledger_request, p_original uuid)
returns setof stored_value_reply language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    v record;
    v_hold ledger_hold;
    v_after ledger_account;
    v_reason text;
    v_hash bytea;
begin
    return query select * from stored_value_replay(p_request, 'release', null, null, p_original);
    if found then
        return;
    end if;
    select * into v from stored_value_find_original(p_request, p_original);
    select * into v_hold from ledger_hold where account_id = (v.account).id and id = p_original for update;
    v_reason := case
        when (v.transaction).id is null then 'original_unknown'
        when v_hold.id is null or v_hold.resolution in ('captured', 'expired') then 'original_not_reversible'
        when v_hold.resolution = 'released' then 'already_reversed'
    end;
    if v_reason is not null then
        return next stored_value_decline_original(p_request, 'release', v_reason, null, (v.answer).currency, v.card, p_original);
        return;
    end if;
    update ledger_hold set resolution = 'released', resolved_by = p_request.id
    where account_id = (v.account).id and id = p_original;
    v_after := v.account;
    v_after.held := (v.account).held - v_hold.amount;
    v_hash := ledger_post(p_request, v.account, v_after, 'release', v_hold.amount, p_original, 'hold', null, '{}');
    v_after := ledger_recover(p_request, v_after);
    return next stored_value_reply_with(
        p_request, 'release', null, null, v_hold.amount, (v.account).currency, v_after.balance,
        ledger_available(v_after, p_request.business_date), (v.account).position + 1, v.card, p_original, v_hash);
end $$;
