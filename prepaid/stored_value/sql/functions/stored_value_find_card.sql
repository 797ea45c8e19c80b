-- Finds the card that is presented, with its program's terms; no row where there is none. Locks nothing.
create or replace function stored_value_find_card(p_presented stored_value_presented) returns stored_value_card
language plpgsql stable as $$
declare
    v_card stored_value_card;
begin
    if p_presented.method = 'desk' then
        select card.id, card.account_id, card.last_four, card.state, card.expires_on, null, null, program
        into v_card
        from cards_card as card join cards_program as program on program.id = card.program_id
        where card.id = p_presented.card_id;
    elsif p_presented.lookup is not null then
        select card.id, card.account_id, card.last_four, card.state, card.expires_on, credential.id, credential.counter,
            program
        into v_card
        from cards_credential as credential
        join cards_card as card on card.id = credential.card_id
        join cards_program as program on program.id = card.program_id
        where credential.method = p_presented.method and credential.lookup = p_presented.lookup;
    end if;
    return v_card;
end $$;
