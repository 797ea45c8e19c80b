-- Finds the card that is presented for a posting, raises its counter (of SUN readings, or the window of a pay code) to
-- the one presented, and decides whether it may be used here and now: `refusal` of what it returns. Locks the
-- credential's row where there is a counter.
create or replace function stored_value_admit_card(
    p_request ledger_request, p_presented stored_value_presented, p_currency text
) returns stored_value_card language plpgsql as $$
declare
    v_card stored_value_card;
begin
    if p_presented.method in ('sun', 'pay_code') and p_presented.refusal is null then
        -- Found, allowed and never used: one statement. Whatever is amiss, the search below finds out.
        update cards_credential as credential
        set counter = p_presented.counter
        from cards_card as card, cards_program as program
        where credential.method = p_presented.method and credential.lookup = p_presented.lookup
            and credential.counter < p_presented.counter and card.id = credential.card_id
            and program.id = card.program_id and p_presented.method = any (program.allowed_credentials)
        returning card.id, card.account_id, card.last_four, card.state, card.expires_on, credential.id, null::bigint,
            program
        into v_card;
    end if;
    if v_card.card_id is null then
        v_card := stored_value_find_card(p_presented);
    end if;
    v_card.refusal := stored_value_refuse_card(
        v_card, p_presented, p_request.store_id, p_request.business_date, p_currency);
    return v_card;
end $$;
