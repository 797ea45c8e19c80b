-- Puts value into open lots, into the very lot where it is open already, and keeps the order of consumption:
-- bonus or paid first, then earliest expiry, then oldest. Minor units.
create or replace function ledger_put(
    p_lots ledger_open_lot[], p_lot_no integer, p_bonus boolean, p_amount bigint, p_expires_on date, p_bonus_first boolean
) returns ledger_open_lot[] language sql immutable as $$
    select array_agg(row(merged.lot_no, merged.bonus, merged.remaining, merged.expires_on)::ledger_open_lot
                     order by merged.bonus <> p_bonus_first, merged.expires_on nulls last, merged.lot_no)
    from (
        select lot.lot_no, lot.bonus, sum(lot.remaining)::bigint as remaining, lot.expires_on
        from (select * from unnest(p_lots)
              union all select p_lot_no, p_bonus, p_amount, p_expires_on) as lot
        group by lot.lot_no, lot.bonus, lot.expires_on
    ) as merged
$$;
