-- Spends from a hold at p_merchant, up to what was held and the tolerance that the program gives, and resolves the hold;
-- stores the answer. What expired under the hold is spent first. Minor units. Locks the account's row, then the hold's. Raises as stored_value_redeem.
create or replace function stored_value_capture(
    p_request ledger_request, p_original uuid, p_amount bigint, p_currency text, p_merchant uuid
) returns setof stored_value_reply language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    v record;
    v_hold ledger_hold;
    v_on date;
    v_after ledger_account;
    v_taken record;
    v_reason text;
    v_hash bytea;
begin
    return query select * from stored_value_replay(p_request, 'capture', p_amount, p_currency, p_original);
    if found then
        return;
    end if;
    select * into v from stored_value_find_original(p_request, p_original);
    select * into v_hold from ledger_hold where account_id = (v.account).id and id = p_original for update;
    v_on := least(v_hold.placed_on, p_request.business_date);
    v_reason := case
        when (v.transaction).id is null then 'original_unknown'
        when p_currency <> (v.account).currency then 'currency_mismatch'
        when v_hold.id is null then 'original_not_reversible'
        when v_hold.resolution = 'released' then 'already_reversed'
        when v_hold.resolution is not null or v_hold.expires_at <= p_request.recorded_at then 'original_not_reversible'
        when p_amount > v_hold.amount + v_hold.amount * ((v.card).program).capture_tolerance_percent / 100
            then 'amount_over_original'
        when p_amount > ledger_available(v.account, v_on, p_original)
            then case when p_amount <= ledger_spendable((v.account).lots, v_on)
                then 'insufficient_because_of_hold' else 'insufficient_funds' end
    end;
    if v_reason is not null then
        return next stored_value_decline_original(p_request, 'capture', v_reason, p_amount, p_currency, v.card, p_original);
        return;
    end if;
    update ledger_hold set resolution = 'captured', resolved_by = p_request.id, captured = p_amount
    where account_id = (v.account).id and id = p_original;
    select * into v_taken from ledger_take_held(
        (v.account).lots, p_amount, p_request.business_date, v_on, (v.account).id, p_merchant,
        ((v.card).program).consumption_order = 'proportional');
    v_after := v.account;
    v_after.lots := v_taken.lots;
    v_after.balance := (v.account).balance - p_amount;
    v_after.held := (v.account).held - v_hold.amount;
    v_hash := ledger_post(p_request, v.account, v_after, 'capture', p_amount, p_original, 'hold', null, v_taken.legs);
    v_after := ledger_recover(p_request, v_after);
    return next stored_value_reply_with(
        p_request, 'capture', null, p_amount, p_amount, p_currency, v_after.balance,
        ledger_available(v_after, p_request.business_date), (v.account).position + 1, v.card, p_original, v_hash);
end $$;
