-- Finds the card that is presented, with its program's terms; no row where there is none. Locks nothing.
-- A token is good for the terminal p_origin that asked for it until its time is over, and for a credential that its
-- program allows: without the two it finds nothing.
create or replace function stored_value_find_card(
    p_presented stored_value_presented, p_origin uuid default null, p_at timestamptz default null
) returns stored_value_card language plpgsql stable as $$
declare
    v_card stored_value_card;
begin
    if p_presented.method = 'desk' then
        select card.id, card.account_id, card.last_four, card.state, card.expires_on, null, null, program
        into v_card
        from cards_card as card join cards_program as program on program.id = card.program_id
        where card.id = p_presented.card_id;
    elsif p_presented.method = 'token' then
        select card.id, card.account_id, card.last_four, card.state, card.expires_on, credential.id, null, program
        into v_card
        from cards_proof as proof
        join cards_credential as credential on credential.id = proof.credential_id
        join cards_card as card on card.id = credential.card_id
        join cards_program as program on program.id = card.program_id
        where proof.lookup = p_presented.lookup and proof.terminal_id = p_origin
            and proof.used_by is null and proof.expires_at > p_at
            and credential.method = any (program.allowed_credentials);
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
