-- Takes an amount from the paid or from the bonus lots alone, as ledger_take does. Minor units. Returns the lots that stay
-- open, in their order, and one leg per lot taken; the caller has made sure that the amount is there.
create or replace function ledger_take_of_kind(
    p_lots ledger_open_lot[], p_bonus boolean, p_amount bigint, p_on date, p_debit uuid, p_credit uuid,
    out lots ledger_open_lot[], out legs ledger_leg[]
) language plpgsql immutable as $$
declare
    v_leg ledger_leg;
begin
    legs := (ledger_take(
        array(select lot from unnest(p_lots) as lot where lot.bonus = p_bonus), p_amount, p_on, p_debit, p_credit, false)).legs;
    lots := p_lots;
    foreach v_leg in array legs loop
        lots := ledger_take_from(lots, v_leg.lot_no, v_leg.amount);
    end loop;
end $$;
