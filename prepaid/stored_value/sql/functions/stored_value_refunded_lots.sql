-- Works out an account's open lots after giving back part of one of its transactions, and the legs that do it.
-- What the original took last is given back first; what earlier refunds gave back is not given twice. Minor units.
create or replace function stored_value_refunded_lots(
    p_account ledger_account, p_transaction ledger_transaction, p_amount bigint, p_bonus_first boolean,
    out lots ledger_open_lot[], out legs ledger_leg[]
) language plpgsql stable as $$
declare
    v_leg record;
    v_left bigint := p_amount;
    v_give bigint;
begin
    lots := p_account.lots;
    legs := '{}';
    for v_leg in
        select transfer.lot_no, transfer.debit_account, transfer.credit_account, lot.bonus, lot.expires_on,
            transfer.amount - coalesce((
                select sum(case when back.credit_account = back.account_id then back.amount else -back.amount end)
                from ledger_transaction as later
                join ledger_transfer as back on back.account_id = later.account_id and back.position = later.position
                left join ledger_transaction as refund on refund.account_id = later.account_id and refund.id = later.original_id
                where later.account_id = transfer.account_id and back.lot_no = transfer.lot_no
                and (later.type = 'refund' and later.original_id = p_transaction.id
                     or later.undoes = 'refund' and refund.original_id = p_transaction.id)), 0) as remaining
        from ledger_transfer as transfer
        join ledger_lot as lot on lot.account_id = transfer.account_id and lot.lot_no = transfer.lot_no
        where transfer.account_id = p_account.id and transfer.position = p_transaction.position
        order by transfer.leg desc
    loop
        v_give := least(v_leg.remaining, v_left);
        if v_give > 0 then
            v_left := v_left - v_give;
            lots := ledger_put(lots, v_leg.lot_no, v_leg.bonus, v_give, v_leg.expires_on, p_bonus_first);
            legs := legs || row(v_leg.lot_no, v_leg.credit_account, v_leg.debit_account, v_give)::ledger_leg;
        end if;
    end loop;
    if v_left > 0 then
        raise exception 'the original has no lots left for % minor units', v_left using errcode = 'PC902';
    end if;
end $$;
