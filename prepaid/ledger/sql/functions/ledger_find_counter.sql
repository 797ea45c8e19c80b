-- Gives a counter as it stands on a business date: zeros where there is none, or its day or month is over. Locks nothing.
create or replace function ledger_find_counter(p_kind text, p_subject bytea, p_currency text, p_business_date date)
returns ledger_counter language plpgsql as $$
declare
    v_counter ledger_counter;
begin
    select * into v_counter from ledger_counter where (kind, subject, currency) = (p_kind, p_subject, p_currency);
    if not found or date_trunc('month', v_counter.counted_on) < date_trunc('month', p_business_date) then
        return row(p_kind, p_subject, p_currency, p_business_date, 0, 0, 0, 0, 0)::ledger_counter;
    elsif v_counter.counted_on < p_business_date then
        v_counter.loads_today := 0;
        v_counter.loaded_today := 0;
        v_counter.redeemed_today := 0;
    end if;
    return v_counter;
end $$;
