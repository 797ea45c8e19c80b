-- Takes an amount that was held: first from lots that were good on the day of the hold and have expired since, the first
-- to expire first, then from the others as ledger_take does. Minor units. Returns as ledger_take.
create or replace function ledger_take_held(
    p_lots ledger_open_lot[], p_amount bigint, p_on date, p_placed_on date, p_debit uuid, p_credit uuid,
    p_proportional boolean, out lots ledger_open_lot[], out legs ledger_leg[]
) language plpgsql immutable as $$
declare
    v_lot ledger_open_lot;
    v_left bigint := p_amount;
    v_take bigint;
    v_rest record;
begin
    lots := p_lots;
    legs := '{}';
    for v_lot in
        select * from unnest(p_lots) as lot
        where lot.expires_on < p_on and lot.expires_on >= p_placed_on order by lot.expires_on, lot.lot_no
    loop
        v_take := least(v_lot.remaining, v_left);
        if v_take > 0 then
            v_left := v_left - v_take;
            lots := ledger_take_from(lots, v_lot.lot_no, v_take);
            legs := legs || row(v_lot.lot_no, p_debit, p_credit, v_take)::ledger_leg;
        end if;
    end loop;
    if v_left > 0 then
        v_rest := ledger_take(lots, v_left, p_on, p_debit, p_credit, p_proportional);
        lots := v_rest.lots;
        legs := legs || v_rest.legs;
    end if;
end $$;
