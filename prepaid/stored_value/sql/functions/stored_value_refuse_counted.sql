-- Decides whether counters that lie beside the account's row stand against a load or a redemption: 'limit_day' or null.
-- An amount not asked for is 0. Minor units. Locks nothing: true only while stored_value_count holds the counters.
create or replace function stored_value_refuse_counted(
    p_card stored_value_card, p_method text, p_instrument bytea, p_business_date date, p_currency text, p_loaded bigint,
    p_redeemed bigint
) returns text language plpgsql as $$
begin
    if not stored_value_is_counted(p_card, p_method) then
        return null;
    end if;
    return (
        select 'limit_day'
        from stored_value_list_counted(p_card, p_method, p_instrument, p_loaded > 0) as held
        cross join lateral ledger_find_counter(held.kind, held.subject, p_currency, p_business_date) as counter
        -- The void of a refund may leave a counter above its limit: that stands against no movement of the other kind.
        where p_loaded > 0 and (
                counter.loads_today + 1 > held.loads_day_max
                or counter.loaded_today + p_loaded > held.load_day_max
                or counter.loaded_month + p_loaded > held.load_month_max)
            or p_redeemed > 0 and (
                counter.redeemed_today + p_redeemed > held.redeem_day_max
                or counter.redeemed_month + p_redeemed > held.redeem_month_max)
        limit 1);
end $$;
