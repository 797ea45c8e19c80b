-- Changes cards' states in the commit of a posting, as the table in cards/lifecycle.py allows, each with its event.
-- The events' ids follow from the posting's id and the card. The caller has locked the cards.
create or replace function stored_value_change_cards(
    p_request ledger_request, p_cards uuid[], p_change stored_value_card_change
) returns void language sql as $$
    with changed as (
        update cards_card as card set state = p_change.after
        from cards_card as before
        where card.id = any (p_cards) and before.id = card.id and card.state = any (p_change.before)
        returning card.id, before.state
    )
    insert into cards_cardevent (id, card_id, change, from_state, to_state, reason, actor, at, transaction_id)
    select md5(p_request.id::text || changed.id::text)::uuid, changed.id, p_change.change, changed.state, p_change.after,
        p_change.reason, p_request.operator, p_request.recorded_at, p_request.id
    from changed
$$;
