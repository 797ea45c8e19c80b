-- Says whether a program counts beside the account's row at all: most do not, and their postings touch no other row.
create or replace function stored_value_is_counted(p_card stored_value_card, p_method text) returns boolean
language plpgsql immutable as $$
begin
    return p_method is not distinct from 'uid' or coalesce(
        (p_card.program).holder_redeem_day_max, (p_card.program).holder_redeem_month_max,
        (p_card.program).holder_load_day_max, (p_card.program).holder_load_month_max,
        (p_card.program).instrument_loads_day_max) is not null;
end $$;
