-- Spends value of the presented card at p_merchant, whole or, with p_partial, what is available; stores the answer.
-- One call is one commit. Minor units. Locks the credential's row, the account's, then the counters' of its program.
-- Raises PC001 (id_reused); unique_violation on ledger_answer_sequence_once (sequence_reused) and on
-- ledger_answer_pkey, or PC905 (the same id is being answered, or the card was stopped meanwhile: call again).
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
    v_hash bytea;
    v_again boolean := false;
    -- Whether something is counted beside the account's row: most programs have none of it.
    v_is_counted boolean;
begin
    if exists (select from ledger_answer where id = p_request.id) then
        return query select * from stored_value_replay(p_request, 'redeem', p_amount, p_currency, null);
        return;
    end if;
    v_card := stored_value_admit_card(p_request, p_presented, p_currency, p_amount);
    v_reason := v_card.refusal;
    v_is_counted := p_presented.method = 'uid' or (v_card.program).holder_redeem_day_max is not null
        or (v_card.program).holder_redeem_month_max is not null;
    while v_reason is null and v_hash is null loop
        -- Read without its lock, which comes after the PIN's. Where another posting came between, or something is counted
        -- beside the account: again, behind the lock.
        if v_again then
            select * into v_account from ledger_account where id = v_card.account_id for update;
        else
            select * into v_account from ledger_account where id = v_card.account_id;
        end if;
        v_spendable := ledger_spendable(v_account.lots, p_request.business_date);
        v_available := case when v_account.held = 0 then v_spendable else ledger_available(v_account, p_request.business_date) end;
        v_approved := case when p_partial then least(p_amount, v_available) else p_amount end;
        -- Most redeems: none of the rules below has a question.
        if p_presented.method <> 'sun' or p_presented.pin_mac is not null or v_is_counted or v_account.held > 0
            or v_account.counted_on < p_request.business_date or v_account.currency <> p_currency
            or p_amount > least((v_card.program).redeem_single_max, (v_card.program).pin_above)
            or v_account.redeemed_today + p_amount > (v_card.program).redeem_day_max
            or v_account.redeemed_month + p_amount > (v_card.program).redeem_month_max
            or v_approved not between 1 and v_available
        then
            v_after := ledger_begin_day(v_account, p_request.business_date);
            v_reason := coalesce(
                case
                    when p_currency <> v_account.currency then 'currency_mismatch'
                    when p_amount > (v_card.program).redeem_single_max
                        or v_is_counted and p_presented.method = 'uid' and not (v_card.program).low_trust_pin_lifts
                            and p_amount > (v_card.program).low_trust_single_max
                        or p_presented.method = 'pay_code' and p_amount > (v_card.program).pay_code_max then 'limit_single'
                    -- What is held counts as spent.
                    when v_after.redeemed_today + v_account.held + p_amount > (v_card.program).redeem_day_max
                        or v_after.redeemed_month + v_account.held + p_amount > (v_card.program).redeem_month_max then 'limit_day'
                    when v_is_counted and not v_again then stored_value_refuse_counted(
                        v_card, p_presented.method, null, p_request.business_date, p_currency, 0, p_amount)
                end,
                case
                    when v_again or p_presented.method = 'desk' then null
                    when p_presented.method = 'number' or p_presented.pin_mac is not null
                        or p_amount > (v_card.program).pin_above
                        or v_is_counted and stored_value_is_beyond_low_trust(
                            v_card, p_presented.method, p_request.business_date, p_currency, p_amount)
                        then stored_value_refuse_pin(v_card.credential_id, p_presented.pin_mac)
                end,
                case
                    when v_approved between 1 and v_available then null
                    when p_amount <= v_spendable then 'insufficient_because_of_hold'
                    else 'insufficient_funds'
                end);
            exit when v_reason is not null;
            if v_is_counted then
                if not v_again then
                    v_again := true;
                    continue;
                end if;
                v_reason := stored_value_count(p_request, v_card, p_presented, null, v_account, 0, v_approved);
                exit when v_reason is not null;
            end if;
        end if;
        v_hash := ledger_spend(
            p_request, v_account, v_approved, p_merchant, (v_card.program).consumption_order = 'proportional');
        v_again := true;
    end loop;
    if v_hash is not null then
        -- As stored_value_look_again does, inline for speed: the account is locked now.
        if (select card.state from cards_card as card where card.id = v_card.card_id) <> 'active' then
            raise exception 'the card was stopped meanwhile' using errcode = 'PC905';
        end if;
        return next stored_value_reply_with(
            p_request, 'redeem', null, p_amount, v_approved, p_currency, v_account.balance - v_approved, v_available - v_approved,
            v_account.position + 1, v_card, null, v_hash);
    elsif v_reason in ('insufficient_funds', 'insufficient_because_of_hold') then
        return next stored_value_reply_with(
            p_request, 'redeem', v_reason, p_amount, 0, p_currency, v_account.balance, v_available, null, v_card, null, null);
    else
        return next stored_value_reply_with(
            p_request, 'redeem', v_reason, p_amount, 0, p_currency, null, null, null, v_card, null, null);
    end if;
end $$;
