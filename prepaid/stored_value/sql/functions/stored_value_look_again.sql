-- Looks at a card again behind its account's lock: PC905 (call again with the same id) where it was stopped since it was
-- admitted. Who stops a card locks its account before the commit, so that nothing is posted after it (ADR 0094).
create or replace function stored_value_look_again(p_card uuid) returns void language plpgsql as $$
begin
    if (select card.state from cards_card as card where card.id = p_card) <> 'active' then
        raise exception 'the card was stopped meanwhile' using errcode = 'PC905';
    end if;
end $$;
