-- Corrects the value of a card that staff opened, against the store's general account p_adjustment; stores the answer.
-- p_type 'adjust_up' makes a lot, paid or bonus; 'adjust_down' takes from lots of that kind. Minor units.
-- One call is one commit, or part of the commit that approves it. Locks the account. Raises as stored_value_redeem, and
-- PC904 without a reason or an approval of this very transaction.
create or replace function stored_value_adjust(
    p_request ledger_request, p_type text, p_card uuid, p_amount bigint, p_currency text, p_bonus boolean, p_adjustment uuid
) returns setof stored_value_reply language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    v_presented stored_value_presented := row('desk', null, null, null, null, p_card);
    v_card stored_value_card := stored_value_find_card(v_presented);
    v_account ledger_account;
    v_after ledger_account;
    v_expires_on date;
    v_legs ledger_leg[];
    v_reason text;
    v_hash bytea;
begin
    return query select * from stored_value_replay(p_request, p_type, p_amount, p_currency, null);
    if found then
        return;
    end if;
    if btrim(p_request.note) = '' or not stored_value_is_approved(p_request.id, 'adjust', p_card, p_amount) then
        raise exception 'an adjustment needs a reason and an approval' using errcode = 'PC904';
    end if;
    select * into v_account from ledger_account where id = v_card.account_id for update;
    v_card := stored_value_find_card(v_presented);
    v_reason := coalesce(
        stored_value_refuse_card(v_card, v_presented, p_request.store_id, p_request.business_date, p_currency),
        case p_type
            when 'adjust_up' then
                stored_value_refuse_balance(p_request, v_card.program, v_account.balance + p_amount)
            else stored_value_refuse_pay_out(
                p_request, v_account, p_currency, case when p_bonus then 0 else p_amount end,
                case when p_bonus then p_amount else 0 end, false)
        end);
    if v_reason is not null then
        return next stored_value_reply_with(
            p_request, p_type, v_reason, p_amount, 0, p_currency, null, null, null, v_card, null, null);
        return;
    end if;
    v_after := v_account;
    if p_type = 'adjust_up' then
        v_expires_on := (p_request.business_date + make_interval(months => (v_card.program).value_valid_months))::date;
        v_after.lot_count := v_account.lot_count + 1;
        v_after.lots := ledger_put(
            v_account.lots, v_after.lot_count, p_bonus, p_amount, v_expires_on,
            (v_card.program).consumption_order <> 'paid_first');
        v_after.balance := v_account.balance + p_amount;
        insert into ledger_lot (account_id, lot_no, position, bonus, amount, expires_on, tender, campaign)
        values (v_account.id, v_after.lot_count, v_account.position + 1, p_bonus, p_amount, v_expires_on, 'adjustment',
                case when p_bonus then 'adjustment' else '' end);
        v_legs := array[row(v_after.lot_count, p_adjustment, v_account.id, p_amount)::ledger_leg];
    else
        select taken.lots, taken.legs into v_after.lots, v_legs from ledger_take_of_kind(
            v_account.lots, p_bonus, p_amount, p_request.business_date, v_account.id, p_adjustment) as taken;
        v_after.balance := v_account.balance - p_amount;
    end if;
    v_hash := ledger_post(p_request, v_account, v_after, p_type, p_amount, null, null, null, v_legs);
    return next stored_value_reply_with(
        p_request, p_type, null, p_amount, p_amount, p_currency, v_after.balance,
        ledger_available(v_after, p_request.business_date),
        v_account.position + 1, v_card, null, v_hash);
end $$;
