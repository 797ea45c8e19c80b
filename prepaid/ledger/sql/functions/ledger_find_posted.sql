-- Finds the posting of an account that a transaction's id names; nulls where there is none. Locks nothing.
create or replace function ledger_find_posted(p_account uuid, p_id uuid) returns ledger_transaction
language plpgsql stable as $$
declare
    v_posted ledger_transaction;
begin
    select posted.* into v_posted
    from ledger_answer as answer
    join ledger_transaction as posted on posted.account_id = answer.account_id and posted.position = answer.position
    where answer.id = p_id and answer.account_id = p_account;
    return v_posted;
end $$;
