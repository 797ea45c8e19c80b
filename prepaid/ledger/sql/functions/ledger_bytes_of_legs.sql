-- The legs of a posting as the account's chain hashes them, in their order.
create or replace function ledger_bytes_of_legs(p_legs ledger_leg[]) returns bytea
language plpgsql immutable parallel safe as $$
declare
    v_leg ledger_leg;
    v_bytes bytea := '';
begin
    foreach v_leg in array p_legs loop
        v_bytes := v_bytes || ledger_bytes_of_leg(v_leg.lot_no, v_leg.debit_account, v_leg.credit_account, v_leg.amount);
    end loop;
    return v_bytes;
end $$;
