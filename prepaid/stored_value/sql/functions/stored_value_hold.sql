-- Reserves an amount of the presented card until p_expires_at; stores the answer. The limits of a redeem apply.
-- One call is one commit. Minor units. Locks the credential's row, then the account's row. Raises as stored_value_redeem.
create or replace function stored_value_hold(
    p_request ledger_request, p_presented stored_value_presented, p_amount bigint, p_currency text, p_expires_at timestamptz
) returns setof stored_value_reply language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    v_card stored_value_card;
    v_account ledger_account;
    v_reason text;
    v_today bigint;
    v_spendable bigint;
    v_available bigint;
    v_hash bytea;
begin
    if exists (select from ledger_answer where id = p_request.id) then
        return query select * from stored_value_replay(p_request, 'hold', p_amount, p_currency, null);
        return;
    end if;
    v_card := stored_value_admit_card(p_request, p_presented, p_currency);
    v_reason := v_card.refusal;
    if v_reason is null then
        -- Read without its lock, which comes after the PIN's; what is held counts as spent on the day of the hold.
        select * into v_account from ledger_account where id = v_card.account_id;
        v_today := (ledger_begin_day(v_account, p_request.business_date)).redeemed_today + v_account.held;
        v_reason := case
            when p_currency <> v_account.currency then 'currency_mismatch'
            when p_amount > (v_card.program).redeem_single_max then 'limit_single'
            when v_today + p_amount > (v_card.program).redeem_day_max then 'limit_day'
        end;
    end if;
    if v_reason is null and (p_presented.method = 'number' or (p_amount > (v_card.program).pin_above and p_presented.method <> 'desk')) then
        v_reason := stored_value_refuse_pin(v_card.credential_id, p_presented.pin_mac);
    end if;
    if v_reason is null then
        select * into v_account from ledger_account where id = v_card.account_id for update;
        v_spendable := ledger_spendable(v_account.lots, p_request.business_date);
        v_available := ledger_available(v_account, p_request.business_date);
        v_today := (ledger_begin_day(v_account, p_request.business_date)).redeemed_today + v_account.held;
        v_reason := case
            when v_today + p_amount > (v_card.program).redeem_day_max then 'limit_day'
            when p_amount <= v_available then null
            when p_amount <= v_spendable then 'insufficient_because_of_hold'
            else 'insufficient_funds'
        end;
    end if;
    if v_reason is null then
        v_hash := ledger_place_hold(p_request, v_account, p_amount, p_expires_at);
        return next stored_value_reply_with(
            p_request, 'hold', null, p_amount, p_amount, p_currency, v_account.balance, v_available - p_amount,
            v_account.position + 1, v_card, null, v_hash);
    elsif v_reason in ('insufficient_funds', 'insufficient_because_of_hold') then
        return next stored_value_reply_with(
            p_request, 'hold', v_reason, p_amount, 0, p_currency, v_account.balance, v_available, null, v_card, null, null);
    else
        return next stored_value_reply_with(
            p_request, 'hold', v_reason, p_amount, 0, p_currency, null, null, null, v_card, null, null);
    end if;
end $$;
