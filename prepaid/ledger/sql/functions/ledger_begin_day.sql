-- Gives an account with its day counters begun again where a later business date has come.
create or replace function ledger_begin_day(p_account ledger_account, p_business_date date) returns ledger_account
language plpgsql immutable as $$
begin
    if p_business_date > p_account.counted_on then
        p_account.counted_on := p_business_date;
        p_account.loaded_today := 0;
        p_account.redeemed_today := 0;
    end if;
    return p_account;
end $$;
