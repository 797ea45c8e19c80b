-- Lists the expired value of an account by lot, oldest first: what stands open beyond its expiry, and what `expire`
-- transactions took away and nothing gave back; gone_to is the general account that it has to come from. Minor units.
create or replace function stored_value_expired_lots(p_account ledger_account, p_on date, p_transit uuid)
returns table (lot_no integer, is_open boolean, amount bigint, gone_to uuid) language sql stable as $$
    select open.lot_no, true, open.remaining, p_transit
    from unnest(p_account.lots) as open
    where open.expires_on < p_on
    union all
    select gone.lot_no, false, gone.amount - coalesce(back.amount, 0), gone.gone_to
    from (
        select transfer.lot_no, transfer.credit_account as gone_to, sum(transfer.amount)::bigint as amount
        from ledger_transaction as expired
        join ledger_transfer as transfer using (account_id, position)
        where expired.account_id = p_account.id and expired.type = 'expire' and transfer.debit_account = p_account.id
            and not exists (
                select from ledger_transaction as undo
                where undo.account_id = expired.account_id and undo.original_id = expired.id and undo.type in ('void', 'reversal'))
        group by 1, 2
    ) as gone
    left join lateral (
        select sum(transfer.amount)::bigint as amount
        from ledger_lot_source as source
        join ledger_lot as lot on lot.account_id = source.account_id and lot.lot_no = source.lot_no
        join ledger_transfer as transfer
            on transfer.account_id = lot.account_id and transfer.position = lot.position and transfer.lot_no = lot.lot_no
        where source.account_id = p_account.id and source.from_account = p_account.id and source.from_lot_no = gone.lot_no
            and transfer.debit_account = gone.gone_to
    ) as back on true
    where gone.amount > coalesce(back.amount, 0)
    order by 2, 1
$$;
