-- Lists the cards that run again when a transaction is voided which closed them: those that were active, and have not been
-- replaced since. Locks nothing.
create or replace function stored_value_cards_to_reopen(p_original uuid) returns uuid[] language sql stable as $$
    select array(
        select event.card_id from cards_cardevent as event
        where event.transaction_id = p_original and event.change = 'close' and event.from_state = 'active'
            and not exists (select from cards_card as next where next.replaces_id = event.card_id))
$$;
