-- Gives an account with its day's counters begun again where a later business date has come, and its month's with a
-- later month.
create or replace function ledger_begin_day(p_account ledger_account, p_business_date date) returns ledger_account
language plpgsql immutable as $$
begin
    if p_business_date > p_account.counted_on then
        if date_trunc('month', p_business_date::timestamp) > date_trunc('month', p_account.counted_on::timestamp) then
            p_account.loaded_month := 0;
            p_account.redeemed_month := 0;
        end if;
        p_account.counted_on := p_business_date;
        p_account.loads_today := 0;
        p_account.loaded_today := 0;
        p_account.redeemed_today := 0;
    end if;
    return p_account;
end $$;
