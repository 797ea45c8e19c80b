-- Lets the active cards run again that a transaction closed, in the commit that voids it: the change `reopen` of
-- cards/lifecycle.py. Those that were blocked or lost before stay closed, and so do those that were replaced since. The
-- caller has locked them.
create or replace function stored_value_reopen_cards(p_request ledger_request, p_original uuid) returns void
language sql as $$
    select stored_value_change_cards(
        p_request, stored_value_cards_to_reopen(p_original),
        row('reopen', array['closed'], 'active', '')::stored_value_card_change)
$$;
