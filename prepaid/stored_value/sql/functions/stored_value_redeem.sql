-- Spends value of the presented card at p_merchant, whole or, with p_partial, what is available; stores the answer.
-- One call is one commit. Minor units. Locks the credential's row, then the account's row.
-- Raises PC001 (id_reused); unique_violation on ledger_answer_sequence_once (sequence_reused) and on
-- ledger_answer_pkey (the same id is being answered: call again).
create or replace function stored_value_redeem(
    p_request ledger_request, p_presented stored_value_presented, p_amount bigint, p_currency text, p_partial boolean,
    p_merchant uuid
) returns setof stored_value_reply language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    v_card stored_value_card;
    v_account ledger_account;
    v_after ledger_account;
    v_reason text;
    v_spendable bigint;
    v_available bigint;
    v_approved bigint;
    v_taken record;
    v_hash bytea;
    v_again boolean := false;
begin
    if exists (select from ledger_answer where id = p_request.id) then
        return query select * from stored_value_replay(p_request, 'redeem', p_amount, p_currency, null);
        return;
    end if;
    v_card := stored_value_admit_card(p_request, p_presented, p_currency);
    v_reason := v_card.refusal;
    while v_reason is null and v_hash is null loop
        -- Read without its lock, which comes after the PIN's. Where another posting came between: again, behind the lock.
        if v_again then
            select * into v_account from ledger_account where id = v_card.account_id for update;
        else
            select * into v_account from ledger_account where id = v_card.account_id;
        end if;
        v_after := v_account;
        if p_request.business_date > v_account.counted_on then
            v_after := ledger_begin_day(v_account, p_request.business_date);
        end if;
        v_spendable := ledger_spendable(v_account.lots, p_request.business_date);
        v_available := case when v_account.held = 0 then v_spendable else ledger_available(v_account, p_request.business_date) end;
        v_approved := case when p_partial then least(p_amount, v_available) else p_amount end;
        v_reason := coalesce(
            case
                when p_currency <> v_account.currency then 'currency_mismatch'
                when p_amount > (v_card.program).redeem_single_max then 'limit_single'
                when v_after.redeemed_today + p_amount > (v_card.program).redeem_day_max then 'limit_day'
                when v_again or p_presented.method = 'desk' then null
                when p_presented.method = 'number' or p_amount > (v_card.program).pin_above
                    then stored_value_refuse_pin(v_card.credential_id, p_presented.pin_mac)
            end,
            case
                when v_approved between 1 and v_available then null
                when p_amount <= v_spendable then 'insufficient_because_of_hold'
                else 'insufficient_funds'
            end);
        exit when v_reason is not null;
        v_taken := ledger_take(
            v_account.lots, v_approved, p_request.business_date, v_account.id, p_merchant,
            (v_card.program).consumption_order = 'proportional');
        v_after.lots := v_taken.lots;
        v_after.balance := v_account.balance - v_approved;
        v_after.redeemed_today := v_after.redeemed_today + v_approved;
        v_hash := ledger_post(p_request, v_account, v_after, 'redeem', v_approved, null, null, null, v_taken.legs);
        v_again := true;
    end loop;
    if v_hash is not null then
        return next stored_value_reply_with(
            p_request, 'redeem', null, p_amount, v_approved, p_currency, v_after.balance, v_available - v_approved,
            v_account.position + 1, v_card, null, v_hash);
    elsif v_reason in ('insufficient_funds', 'insufficient_because_of_hold') then
        return next stored_value_reply_with(
            p_request, 'redeem', v_reason, p_amount, 0, p_currency, v_account.balance, v_available, null, v_card, null, null);
    else
        return next stored_value_reply_with(
            p_request, 'redeem', v_reason, p_amount, 0, p_currency, null, null, null, v_card, null, null);
    end if;
end $$;
