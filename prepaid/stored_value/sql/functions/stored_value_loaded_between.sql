-- Sums what was paid onto an account, and onto every other account of its holder, on business dates from p_from to p_to,
-- by one tender or (null) by any; a load that was undone does not count. Minor units. Locks nothing.
create or replace function stored_value_loaded_between(
    p_account uuid, p_holder uuid, p_from date, p_to date, p_tender text
) returns bigint language sql stable as $$
    select coalesce(sum(lot.amount), 0)::bigint
    from (select p_account as id union select id from cards_account where holder_id = p_holder) as account
    join ledger_transaction as load
        on load.account_id = account.id and load.type = 'load' and load.business_date between p_from and p_to
    join ledger_lot as lot
        on lot.account_id = load.account_id and lot.position = load.position and not lot.bonus
        and lot.tender = coalesce(p_tender, lot.tender)
    where not exists (
        select from ledger_transaction as undo
        where undo.account_id = load.account_id and undo.original_id = load.id and undo.type in ('void', 'reversal'))
$$;
