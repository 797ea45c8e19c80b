-- Lets the active cards run again that a transaction closed, in the commit that voids it: the change `reopen` of
-- cards/lifecycle.py. Those that were blocked or lost before stay
-- closed, and so do those that were replaced since. The caller has locked them.
create or replace function stored_value_reopen_cards(p_request ledger_request, p_original uuid) returns void
language sql as $$
    select stored_value_change_cards(
        p_request,
        array(select event.card_id from cards_cardevent as event
              where event.transaction_id = p_original and event.change = 'close' and event.from_state = 'active'
                  and not exists (select from cards_card as next where next.replaces_id = event.card_id)),
        row('reopen', array['closed'], 'active', '')::stored_value_card_change)
$$;
