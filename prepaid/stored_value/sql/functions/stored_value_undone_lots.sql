-- Works out an account's open lots after undoing one of its transactions, and the legs that do it.
-- What was taken goes back into the very lots; what was given is taken out of the very lots: null where it was spent.
create or replace function stored_value_undone_lots(
    p_account ledger_account, p_transaction ledger_transaction, p_bonus_first boolean,
    out lots ledger_open_lot[], out legs ledger_leg[]
) language plpgsql stable as $$
declare
    v_leg record;
begin
    lots := p_account.lots;
    legs := '{}';
    for v_leg in
        select transfer.*, lot.bonus, lot.expires_on
        from ledger_transfer as transfer
        join ledger_lot as lot on lot.account_id = transfer.account_id and lot.lot_no = transfer.lot_no
        where transfer.account_id = p_account.id and transfer.position = p_transaction.position
        order by transfer.leg
    loop
        if v_leg.debit_account = p_account.id then
            lots := ledger_put(lots, v_leg.lot_no, v_leg.bonus, v_leg.amount, v_leg.expires_on, p_bonus_first);
        else
            lots := ledger_take_from(lots, v_leg.lot_no, v_leg.amount);
            if lots is null then
                return;
            end if;
        end if;
        legs := legs || row(v_leg.lot_no, v_leg.credit_account, v_leg.debit_account, v_leg.amount)::ledger_leg;
    end loop;
end $$;
