-- Reserves an amount of the presented card until p_expires_at; stores the answer. The limits of a redeem apply.
-- One call is one commit. Minor units. Locks the credential's row, the account's, then the
-- counters' of its program. Raises as stored_value_redeem.
create or replace function stored_value_hold(
    p_request ledger_request, p_presented stored_value_presented, p_amount bigint, p_currency text, p_expires_at timestamptz
) returns setof stored_value_reply language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    v_card stored_value_card;
    v_account ledger_account;
    v_reason text;
    v_spendable bigint;
    v_available bigint;
    v_hash bytea;
begin
    if exists (select from ledger_answer where id = p_request.id) then
        return query select * from stored_value_replay(p_request, 'hold', p_amount, p_currency, null);
        return;
    end if;
    v_card := stored_value_admit_card(p_request, p_presented, p_currency, p_amount);
    v_reason := v_card.refusal;
    if v_reason is null then
        -- Read without its lock, which comes after the PIN's.
        select * into v_account from ledger_account where id = v_card.account_id;
        v_reason := coalesce(
            stored_value_refuse_spending(p_request, v_card, p_presented.method, v_account, p_amount, p_currency),
            stored_value_refuse_counted(v_card, p_presented.method, null, p_request.business_date, p_currency, 0, p_amount));
    end if;
    if v_reason is null and p_presented.method <> 'desk' and (
        p_presented.method = 'number' or p_presented.pin_mac is not null or p_amount > (v_card.program).pin_above
        or stored_value_is_beyond_low_trust(v_card, p_presented.method, p_request.business_date, p_currency, p_amount))
    then
        v_reason := stored_value_refuse_pin(v_card.credential_id, p_presented.pin_mac);
    end if;
    if v_reason is null then
        select * into v_account from ledger_account where id = v_card.account_id for update;
        perform stored_value_look_again(v_card.card_id);
        v_spendable := ledger_spendable(v_account.lots, p_request.business_date);
        v_available := ledger_available(v_account, p_request.business_date);
        v_reason := coalesce(
            stored_value_refuse_spending(p_request, v_card, p_presented.method, v_account, p_amount, p_currency),
            case
                when p_amount <= v_available then null
                when p_amount <= v_spendable then 'insufficient_because_of_hold'
                else 'insufficient_funds'
            end);
    end if;
    if v_reason is null then
        v_reason := stored_value_count(p_request, v_card, p_presented, null, v_account, 0, p_amount);
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
