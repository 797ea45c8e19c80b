-- Makes expired value of an account spendable again: new lots, valid from today as the program has it, of what is open and
-- expired, and of what an `expire` has taken away. The amount is what this adds to the balance: expired lots that were
-- still open only change their expiry. Stores the answer. Minor units. Locks the account. Raises as stored_value_redeem.
create or replace function stored_value_reactivate(p_request ledger_request, p_card uuid, p_currency text, p_transit uuid)
returns setof stored_value_reply language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    v_presented stored_value_presented := row('desk', null, null, null, null, p_card);
    v_card stored_value_card := stored_value_find_card(v_presented);
    v_account ledger_account;
    v_after ledger_account;
    v_lot record;
    v_until date;
    v_amount bigint;
    v_legs ledger_leg[] := '{}';
    v_reason text;
    v_hash bytea;
begin
    return query select * from stored_value_replay(p_request, 'reactivate', null, p_currency, null);
    if found then
        return;
    end if;
    select * into v_account from ledger_account where id = v_card.account_id for update;
    v_reason := coalesce(
        stored_value_refuse_card(v_card, v_presented, p_request.store_id, p_request.business_date, p_currency),
        case when not (v_card.program).reactivates_expired then 'type_not_allowed' end);
    if v_reason is not null then
        return next stored_value_reply_with(
            p_request, 'reactivate', v_reason, null, 0, p_currency, null, null, null, v_card, null, null);
        return;
    end if;
    v_until := (p_request.business_date + make_interval(months => (v_card.program).value_valid_months))::date;
    v_after := v_account;
    for v_lot in select * from stored_value_expired_lots(v_account, p_request.business_date, p_transit) loop
        if v_lot.is_open then
            v_legs := v_legs || row(v_lot.lot_no, v_account.id, p_transit, v_lot.amount)::ledger_leg;
            v_after.lots := array(select lot from unnest(v_after.lots) as lot where lot.lot_no <> v_lot.lot_no);
            v_after.balance := v_after.balance - v_lot.amount;
        end if;
        v_after := ledger_open_lot_from(
            v_after, v_account.id, v_lot.lot_no, v_lot.amount, v_until, (v_card.program).consumption_order <> 'paid_first');
        v_legs := v_legs || row(v_after.lot_count, v_lot.gone_to, v_account.id, v_lot.amount)::ledger_leg;
    end loop;
    v_amount := v_after.balance - v_account.balance;
    if cardinality(v_legs) > 0 then
        v_hash := ledger_post(p_request, v_account, v_after, 'reactivate', v_amount, null, null, null, v_legs);
        v_after := ledger_recover(p_request, v_after);
    end if;
    return next stored_value_reply_with(
        p_request, 'reactivate', null, null, v_amount, p_currency, v_after.balance,
        ledger_available(v_after, p_request.business_date),
        case when v_hash is not null then v_account.position + 1 end, v_card, null, v_hash);
end $$;
