-- Adds value to the presented card against a tender that came in at p_tender_account; stores the answer.
-- With it comes what the best offer gives, at once or part by part. One call is one commit. Minor units. Locks the credential's row, then the account's row. Raises as stored_value_redeem.
create or replace function stored_value_load(
    p_request ledger_request, p_presented stored_value_presented, p_amount bigint, p_currency text,
    p_tender text, p_reference text, p_tender_account uuid
) returns setof stored_value_reply language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    v_card stored_value_card;
    v_account ledger_account;
    v_after ledger_account;
    v_offer cards_offer;
    v_reason text;
    v_expires_on date;
    v_hash bytea;
begin
    if exists (select from ledger_answer where id = p_request.id) then
        return query select * from stored_value_replay(p_request, 'load', p_amount, p_currency, null);
        return;
    end if;
    v_card := stored_value_admit_card(p_request, p_presented, p_currency);
    v_reason := v_card.refusal;
    if v_reason is null then
        select * into v_account from ledger_account where id = v_card.account_id for update;
        v_after := v_account;
        if p_request.business_date > v_account.counted_on then
            v_after.counted_on := p_request.business_date;
            v_after.loaded_today := 0;
            v_after.redeemed_today := 0;
        end if;
        v_offer := stored_value_best_offer(
            (v_card.program).id, v_account.id, p_amount, p_request.business_date, p_request.store_id);
        v_reason := case
            when p_currency <> v_account.currency then 'currency_mismatch'
            -- Stored value never pays for itself.
            when p_tender in ('stored_value', 'prepaid') then 'type_not_allowed'
            when p_amount > (v_card.program).load_single_max then 'limit_single'
            when v_after.loaded_today + p_amount > (v_card.program).load_day_max then 'limit_day'
            when v_account.balance + p_amount + stored_value_first_bonus(v_offer) > (v_card.program).balance_max then 'limit_balance'
        end;
    end if;
    if v_reason is not null then
        return next stored_value_reply_with(
            p_request, 'load', v_reason, p_amount, 0, p_currency, null, null, null, v_card, null, null);
        return;
    end if;
    v_account := stored_value_grant_bonus(
        p_request, v_account, v_offer, p_tender, (v_card.program).consumption_order <> 'paid_first');
    v_expires_on := (p_request.business_date + make_interval(months => (v_card.program).value_valid_months))::date;
    v_after.lot_count := v_account.lot_count + 1;
    v_after.lots := ledger_put(
        v_account.lots, v_after.lot_count, false, p_amount, v_expires_on, (v_card.program).consumption_order <> 'paid_first');
    v_after.balance := v_account.balance + p_amount;
    v_after.loaded_today := v_after.loaded_today + p_amount;
    insert into ledger_lot (account_id, lot_no, position, bonus, amount, expires_on, tender, reference)
    values (v_account.id, v_after.lot_count, v_account.position + 1, false, p_amount, v_expires_on, p_tender, p_reference);
    v_hash := ledger_post(
        p_request, v_account, v_after, 'load', p_amount, null, null, p_tender,
        array[row(v_after.lot_count, p_tender_account, v_account.id, p_amount)::ledger_leg]);
    return next stored_value_reply_with(
        p_request, 'load', null, p_amount, p_amount, p_currency, v_after.balance,
        ledger_available(v_after, p_request.business_date), v_account.position + 1, v_card, null, v_hash);
end $$;
