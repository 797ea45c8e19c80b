-- Finds the card that is presented for a posting, uses up what it presented (its counter, of SUN readings or the window
-- of a pay code, rises; its token is spent), and decides whether it may be used here and now: `refusal` of what it
-- returns. Above the program's challenge_above a p_amount asks for a token, or for staff at the desk. Minor units. Locks
-- the token's proof, then the credential.
create or replace function stored_value_admit_card(
    p_request ledger_request, p_presented stored_value_presented, p_currency text, p_amount bigint default null
) returns stored_value_card language plpgsql as $$
declare
    v_card stored_value_card;
    v_counter bigint;
begin
    if p_presented.method in ('sun', 'pay_code') and p_presented.refusal is null then
        -- Found, allowed and never used: one statement. Whatever is amiss, the search below finds out.
        update cards_credential as credential
        set counter = p_presented.counter, counter_at = p_request.recorded_at, counter_by = p_request.origin_id
        from cards_card as card, cards_program as program
        where credential.method = p_presented.method and credential.lookup = p_presented.lookup
            and credential.counter < p_presented.counter and card.id = credential.card_id
            and program.id = card.program_id and p_presented.method = any (program.allowed_credentials)
        returning card.id, card.account_id, card.last_four, card.state, card.expires_on, credential.id, null::bigint,
            program
        into v_card;
        -- Most cards: nothing else is asked of them.
        if v_card.state = 'active' and coalesce(v_card.expires_on >= p_request.business_date, true)
            and (v_card.program).currency = p_currency and (v_card.program).scope_store_ids is null
            and (v_card.program).challenge_above is null
        then
            return v_card;
        end if;
    elsif p_presented.method = 'token' then
        v_card := stored_value_find_card(p_presented, p_request.origin_id, p_request.recorded_at);
        update cards_proof as proof
        set used_by = p_request.id
        where proof.lookup = p_presented.lookup and proof.terminal_id = p_request.origin_id
            and proof.used_by is null and proof.expires_at > p_request.recorded_at
        returning proof.counter into v_counter;
        if v_counter is null then
            v_card := null;
            if exists (select from cards_proof where lookup = p_presented.lookup and used_by is not null) then
                p_presented.refusal := 'credential_replayed';
            end if;
        elsif v_counter > -1 then
            update cards_credential
            set counter = v_counter, counter_at = p_request.recorded_at, counter_by = p_request.origin_id
            where id = v_card.credential_id and counter < v_counter;
        end if;
    end if;
    if v_card.card_id is null then
        v_card := stored_value_find_card(p_presented);
    end if;
    v_card.refusal := stored_value_refuse_card(
        v_card, p_presented, p_request.store_id, p_request.business_date, p_currency);
    if p_amount > (v_card.program).challenge_above and p_presented.method not in ('token', 'desk')
        and v_card.refusal is distinct from 'card_unknown' then
        v_card.refusal := 'credential_refused';
    end if;
    return v_card;
end $$;
