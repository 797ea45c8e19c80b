-- Says whether a transaction may do what its kind needs an approval for: by two persons, or by one below the program's
-- amount. Minor units. The approval's row is locked by who carries it out.
create or replace function stored_value_is_approved(p_transaction uuid, p_kind text, p_card uuid, p_amount bigint)
returns boolean language sql stable as $$
    select exists (
        select from ledger_approval
        where transaction_id = p_transaction and kind = p_kind and card_id = p_card and amount = p_amount
            and verdict in ('alone', 'approved') and outcome is null)
$$;
