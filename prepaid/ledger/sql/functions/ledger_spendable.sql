-- The value of open lots that have not expired on a business date. Minor units.
create or replace function ledger_spendable(p_lots ledger_open_lot[], p_on date) returns bigint
language plpgsql immutable strict parallel safe as $$
declare
    v_lot ledger_open_lot;
    v_sum bigint := 0;
begin
    foreach v_lot in array p_lots loop
        if v_lot.expires_on is null or v_lot.expires_on >= p_on then
            v_sum := v_sum + v_lot.remaining;
        end if;
    end loop;
    return v_sum;
end $$;
