-- Finds the posted original of a capture, release or refund, of the same store; nulls where there is none.
-- Locks the account's row, so that what is decided about the original stays true until the commit.
create or replace function stored_value_find_original(
    p_request ledger_request, p_original uuid,
    out answer ledger_answer, out transaction ledger_transaction, out account ledger_account, out card stored_value_card
) language plpgsql as $$
begin
    select * into answer from ledger_answer where id = p_original;
    if answer.account_id is null then
        return;
    end if;
    select * into account from ledger_account where id = answer.account_id for update;
    select * into transaction from ledger_transaction
    where account_id = answer.account_id and position = answer.position and store_id = p_request.store_id;
    card := stored_value_find_card(row('desk', null, null, null, null, answer.presented_id)::stored_value_presented);
    -- A card that did not prove itself was charged to an account that no card presents.
    card.account_id := answer.account_id;
end $$;
