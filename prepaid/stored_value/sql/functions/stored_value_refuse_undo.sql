-- Decides whether a posted original may be undone: the first reason that applies, or null. The caller holds the account.
-- Neither a void nor a reversal reaches behind a closed batch; a repeat of a reversal is told that it is done.
create or replace function stored_value_refuse_undo(
    p_request ledger_request, p_type text, p_original ledger_answer, p_transaction ledger_transaction, p_own_only boolean,
    p_closed_through bigint
) returns text language plpgsql stable as $$
declare
    v_undone boolean := exists (
        select from ledger_transaction as undo
        where undo.account_id = p_original.account_id and undo.original_id = p_original.id
            and undo.type in ('void', 'reversal'))
        -- Nothing was posted where an empty card was merged or given back: its cards tell.
        or p_original.position is null and exists (
            select from cards_cardevent as closed
            join cards_cardevent as reopened on reopened.card_id = closed.card_id and reopened.change = 'reopen'
            join ledger_answer as undo on undo.id = reopened.transaction_id and undo.original_id = p_original.id
            where closed.transaction_id = p_original.id);
begin
    return case
        when p_own_only and p_original.origin_id <> p_request.origin_id then 'original_unknown'
        when not p_own_only and p_transaction.store_id is distinct from p_request.store_id then 'original_unknown'
        when p_original.type not in ('load', 'redeem', 'hold', 'capture', 'refund', 'move', 'cash_out', 'card_return') then 'original_not_reversible'
        when p_type = 'reversal' and v_undone then 'already_reversed'
        when exists (
            select from ledger_transaction as later
            where later.account_id = p_original.account_id and later.original_id = p_original.id
                and later.type in ('refund', 'capture', 'release')
                -- A refund that was undone itself stands in nobody's way.
                and not exists (
                    select from ledger_transaction as undo
                    where undo.account_id = later.account_id and undo.original_id = later.id
                        and undo.type in ('void', 'reversal') and later.type = 'refund')) then 'original_not_reversible'
        -- A till voids what a terminal did only as long as that terminal could have.
        when p_original.sequence <= greatest(p_closed_through, (
            select terminal.closed_through_sequence from stores_terminal as terminal where terminal.id = p_original.origin_id))
            then 'original_not_reversible'
        when p_type = 'void' and p_transaction.business_date <> p_request.business_date and p_original.sequence is null
            then 'original_not_reversible'
        when v_undone then 'already_reversed'
        when p_original.position is null and cardinality(stored_value_cards_to_reopen(p_original.id)) = 0
            then 'original_not_reversible'
    end;
end $$;
