-- Gives an account's open lots less those that a load's bonus made, as they stand before the load is undone: null where
-- one of them is not whole any more. Of any other transaction: the lots as they are.
create or replace function stored_value_lots_without_bonus(p_account ledger_account, p_transaction ledger_transaction)
returns ledger_open_lot[] language plpgsql stable as $$
declare
    v_lots ledger_open_lot[] := p_account.lots;
    v_made record;
begin
    if p_transaction.type = 'load' then
        for v_made in
            select lot.lot_no, lot.amount
            from ledger_transaction as posted
            join ledger_lot as lot on lot.account_id = posted.account_id and lot.position = posted.position
            where posted.account_id = p_account.id and posted.original_id = p_transaction.id and posted.type = 'bonus'
        loop
            v_lots := ledger_take_from(v_lots, v_made.lot_no, v_made.amount);
        end loop;
    end if;
    return v_lots;
end $$;
