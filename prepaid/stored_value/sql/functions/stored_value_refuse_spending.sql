-- Decides whether limits of the account's own stand against a hold: the first reason that applies, or null. What is held
-- counts as spent. Minor units. Locks nothing. A redeem decides the same inline, for speed.
create or replace function stored_value_refuse_spending(
    p_request ledger_request, p_card stored_value_card, p_method text, p_account ledger_account, p_amount bigint, p_currency text
) returns text language plpgsql as $$
declare
    v_now ledger_account := ledger_begin_day(p_account, p_request.business_date);
begin
    return case
        when p_currency <> p_account.currency then 'currency_mismatch'
        when p_amount > (p_card.program).redeem_single_max
            or p_method = 'uid' and not (p_card.program).low_trust_pin_lifts and p_amount > (p_card.program).low_trust_single_max
            or p_method = 'pay_code' and p_amount > (p_card.program).pay_code_max
            then 'limit_single'
        when v_now.redeemed_today + p_account.held + p_amount > (p_card.program).redeem_day_max
            or v_now.redeemed_month + p_account.held + p_amount > (p_card.program).redeem_month_max then 'limit_day'
    end;
end $$;
