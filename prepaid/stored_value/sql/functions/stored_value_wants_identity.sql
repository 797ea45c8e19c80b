-- Says whether a rule asks for the holder's identity before an amount is loaded: at any load, from a sum of the day, over a
-- sum of the month, or over a balance. Minor units. Locks nothing.
create or replace function stored_value_wants_identity(
    p_when jsonb, p_account ledger_account, p_holder uuid, p_on date, p_amount bigint
) returns boolean language plpgsql stable as $$
begin
    return coalesce((p_when ->> 'any_load')::boolean, false)
        or coalesce(p_account.balance + p_amount > (p_when ->> 'balance_over')::bigint, false)
        or coalesce(p_amount + stored_value_loaded_between(p_account.id, p_holder, p_on, p_on, null)
            >= (p_when ->> 'day_from')::bigint, false)
        or coalesce(p_amount + stored_value_loaded_between(
            p_account.id, p_holder, date_trunc('month', p_on)::date, p_on, null) > (p_when ->> 'month_over')::bigint, false);
end $$;
