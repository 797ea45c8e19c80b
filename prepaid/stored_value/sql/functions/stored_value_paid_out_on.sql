-- Adds up what was paid out of an account on a business date and not undone: by p_tender, or null for either. Minor units.
-- Locks nothing; true as long as the caller holds the account.
create or replace function stored_value_paid_out_on(p_account uuid, p_on date, p_tender text) returns bigint
language sql stable as $$
    select coalesce(sum(transfer.amount), 0)::bigint
    from ledger_transaction as posted
    join ledger_transfer as transfer on transfer.account_id = posted.account_id and transfer.position = posted.position
    join ledger_general_account as general on general.id = transfer.credit_account
    where posted.account_id = p_account and posted.business_date = p_on and posted.type in ('cash_out', 'card_return')
        and general.kind in ('cash', 'bank_transfer') and general.kind = coalesce(p_tender, general.kind)
        and not exists (
            select from ledger_transaction as undo
            where undo.account_id = posted.account_id and undo.original_id = posted.id and undo.type in ('void', 'reversal'))
$$;
