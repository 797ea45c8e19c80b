-- Says whether a redemption is more than a bare UID may take without a PIN: over the tier's single limit, or over what it
-- took on the day. Minor units. Locks nothing.
create or replace function stored_value_is_beyond_low_trust(
    p_card stored_value_card, p_method text, p_business_date date, p_currency text, p_amount bigint
) returns boolean language plpgsql as $$
begin
    return p_method = 'uid' and coalesce(
        p_amount > (p_card.program).low_trust_single_max
        or p_amount + (
            ledger_find_counter('low_trust', uuid_send(p_card.account_id), p_currency, p_business_date)).redeemed_today
            > (p_card.program).low_trust_day_max, false);
end $$;
