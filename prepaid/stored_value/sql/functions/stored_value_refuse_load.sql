-- Decides whether limits stand against a load: the first reason that applies, or null. p_bonus is what comes with it at
-- once. Minor units. Locks nothing.
create or replace function stored_value_refuse_load(
    p_request ledger_request, p_card stored_value_card, p_account ledger_account, p_amount bigint, p_currency text,
    p_tender text, p_instrument bytea, p_bonus bigint
) returns text language plpgsql as $$
declare
    v_now ledger_account := ledger_begin_day(p_account, p_request.business_date);
begin
    return coalesce(
        case
            when p_currency <> p_account.currency then 'currency_mismatch'
            -- Stored value never pays for itself.
            when p_tender in ('stored_value', 'prepaid') then 'type_not_allowed'
            when p_amount > (p_card.program).load_single_max then 'limit_single'
            when v_now.loaded_today + p_amount > (p_card.program).load_day_max
                or v_now.loaded_month + p_amount > (p_card.program).load_month_max
                or v_now.loads_today + 1 > (p_card.program).loads_day_max then 'limit_day'
        end,
        stored_value_refuse_counted(p_card, null, p_instrument, p_request.business_date, p_currency, p_amount, 0),
        case when p_account.balance + p_amount + p_bonus > (p_card.program).balance_max then 'limit_balance' end);
end $$;
