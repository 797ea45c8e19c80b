-- Takes up to an amount from the paid or from the bonus lots alone, in their order of consumption, expired lots left
-- alone. Minor units. Returns the lots that stay open and one leg per lot taken; the caller has made sure that the
-- amount is there.
create or replace function ledger_take_of_kind(
    p_lots ledger_open_lot[], p_bonus boolean, p_amount bigint, p_on date, p_debit uuid, p_credit uuid,
    out lots ledger_open_lot[], out legs ledger_leg[]
) language plpgsql immutable as $$
declare
    v_lot ledger_open_lot;
    v_left bigint := p_amount;
    v_take bigint;
begin
    lots := '{}';
    legs := '{}';
    foreach v_lot in array p_lots loop
        if v_left > 0 and v_lot.bonus = p_bonus and (v_lot.expires_on is null or v_lot.expires_on >= p_on) then
            v_take := least(v_lot.remaining, v_left);
            v_left := v_left - v_take;
            v_lot.remaining := v_lot.remaining - v_take;
            legs := legs || row(v_lot.lot_no, p_debit, p_credit, v_take)::ledger_leg;
        end if;
        if v_lot.remaining > 0 then
            lots := lots || v_lot;
        end if;
    end loop;
    if v_left > 0 then
        raise exception 'the open lots are short of % minor units', v_left using errcode = 'PC901';
    end if;
end $$;
