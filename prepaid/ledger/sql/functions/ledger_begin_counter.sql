-- Locks a counter's row, making it where there is none, and begins its day and month where a later one has come.
create or replace function ledger_begin_counter(p_kind text, p_subject bytea, p_currency text, p_business_date date)
returns void language sql as $$
    insert into ledger_counter as counter (kind, subject, currency, counted_on)
    values (p_kind, p_subject, p_currency, p_business_date)
    on conflict (kind, subject, currency) do update
    set counted_on = greatest(counter.counted_on, excluded.counted_on),
        loads_today = case when counter.counted_on < excluded.counted_on then 0 else counter.loads_today end,
        loaded_today = case when counter.counted_on < excluded.counted_on then 0 else counter.loaded_today end,
        redeemed_today = case when counter.counted_on < excluded.counted_on then 0 else counter.redeemed_today end,
        loaded_month = case
            when date_trunc('month', counter.counted_on) < date_trunc('month', excluded.counted_on) then 0
            else counter.loaded_month end,
        redeemed_month = case
            when date_trunc('month', counter.counted_on) < date_trunc('month', excluded.counted_on) then 0
            else counter.redeemed_month end
$$;
