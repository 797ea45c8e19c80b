-- Moves value from p_source's account to p_target's, lot by lot through p_transit; stores the answer, which tells of the
-- account that gives. p_amount null: all of it, and p_closes closes the cards that presented it (a merge).
-- Both cards were opened by staff. One call is one commit. Minor units. Locks the cards that it closes, then both accounts
-- in the order of their ids. Raises as stored_value_redeem.
create or replace function stored_value_move(
    p_request ledger_request, p_source uuid, p_target uuid, p_amount bigint, p_currency text, p_transit uuid,
    p_closes stored_value_card_change
) returns setof stored_value_reply language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    v_presented stored_value_presented := row('desk', null, null, null, null, p_source);
    v_source stored_value_card := stored_value_find_card(v_presented);
    v_presented_to stored_value_presented := row('desk', null, null, null, null, p_target);
    v_target stored_value_card := stored_value_find_card(v_presented_to);
    v_cards uuid[];
    v_from ledger_account;
    v_to ledger_account;
    v_after ledger_account;
    v_amount bigint := p_amount;
    v_taken record;
    v_reason text;
    v_hash bytea;
begin
    return query select * from stored_value_replay(p_request, 'move', p_amount, p_currency, null);
    if found then
        return;
    end if;
    if p_closes.change is not null then
        v_cards := stored_value_lock_cards(v_source.account_id);
    end if;
    select * into v_from from ledger_account where id = least(v_source.account_id, v_target.account_id) for update;
    select * into v_to from ledger_account where id = greatest(v_source.account_id, v_target.account_id) for update;
    if v_from.id <> v_source.account_id then
        v_after := v_from;
        v_from := v_to;
        v_to := v_after;
    end if;
    if p_amount is null then
        v_amount := v_from.balance;
    end if;
    -- Again behind the locks: another merge may have closed either card meanwhile.
    v_source := stored_value_find_card(v_presented);
    v_target := stored_value_find_card(v_presented_to);
    v_reason := coalesce(
        stored_value_refuse_card(v_source, v_presented, p_request.store_id, p_request.business_date, p_currency),
        stored_value_refuse_card(v_target, v_presented_to, p_request.store_id, p_request.business_date, p_currency),
        case when v_from.currency = v_to.currency then stored_value_refuse_by_rule(p_request, v_source, 'move') end,
        stored_value_refuse_move(p_request, v_source, v_target, v_from, v_to, p_amount));
    if v_reason is not null then
        return next stored_value_reply_with(
            p_request, 'move', v_reason, p_amount, 0, p_currency, null, null, null, v_source, null, null);
        return;
    end if;
    if p_amount is null then
        -- All of it goes, expired lots as well: they stay what they are on the other account.
        select '{}'::ledger_open_lot[] as lots,
            coalesce(array_agg(row(lot.lot_no, v_from.id, p_transit, lot.remaining)::ledger_leg), '{}') as legs
        into v_taken from unnest(v_from.lots) as lot;
    else
        select * into v_taken from ledger_take(
            v_from.lots, p_amount, p_request.business_date, v_from.id, p_transit,
            (v_source.program).consumption_order = 'proportional');
    end if;
    v_after := v_from;
    v_after.lots := v_taken.lots;
    v_after.balance := v_from.balance - v_amount;
    if v_amount > 0 then
        v_hash := ledger_move_lots(
            p_request, v_from, v_after, v_to, v_taken.legs, p_transit, (v_target.program).consumption_order <> 'paid_first');
        -- What the other account owes is settled out of what came. The one that gives owes nothing, or has nothing to give.
        perform ledger_recover(p_request, account) from ledger_account as account where account.id = v_to.id;
    end if;
    perform stored_value_change_cards(p_request, v_cards, p_closes);
    return next stored_value_reply_with(
        p_request, 'move', null, p_amount, v_amount, p_currency, v_after.balance,
        ledger_available(v_after, p_request.business_date),
        case when v_hash is not null then v_from.position + 1 end, v_source, null, v_hash);
end $$;
