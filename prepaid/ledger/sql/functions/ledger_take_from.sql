-- Takes an amount from one open lot and keeps the order of the others; null where the lot does not hold so much.
create or replace function ledger_take_from(p_lots ledger_open_lot[], p_lot_no integer, p_amount bigint)
returns ledger_open_lot[] language plpgsql immutable strict as $$
declare
    v_lot ledger_open_lot;
    v_lots ledger_open_lot[] := '{}';
    v_taken boolean := false;
begin
    foreach v_lot in array p_lots loop
        if v_lot.lot_no = p_lot_no then
            if v_lot.remaining < p_amount then
                return null;
            end if;
            v_lot.remaining := v_lot.remaining - p_amount;
            v_taken := true;
        end if;
        if v_lot.remaining > 0 then
            v_lots := v_lots || v_lot;
        end if;
    end loop;
    return case when v_taken then v_lots end;
end $$;
