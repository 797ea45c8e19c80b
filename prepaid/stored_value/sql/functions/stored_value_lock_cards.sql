-- Locks the cards of an account that are not closed, in the order of their ids, before the account's own row: a posting
-- that changes cards decides about them under this lock.
create or replace function stored_value_lock_cards(p_account uuid) returns uuid[] language plpgsql as $$
declare
    v_card record;
    v_cards uuid[] := '{}';
begin
    for v_card in select id, state from cards_card where account_id = p_account order by id for update loop
        if v_card.state <> 'closed' then
            v_cards := v_cards || v_card.id;
        end if;
    end loop;
    return v_cards;
end $$;
