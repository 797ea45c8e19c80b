-- Decides whether a found card may be used here and now: the first reason that applies, or null.
-- The order is that of reasons.py; limits, PIN and funds come after it. A card without a counter was just admitted by it.
create or replace function stored_value_refuse_card(
    p_card stored_value_card, p_presented stored_value_presented, p_store uuid, p_business_date date, p_currency text
) returns text language plpgsql immutable as $$
begin
    return case
        when p_card.card_id is null then coalesce(
            p_presented.refusal, case p_presented.method when 'token' then 'credential_refused' else 'card_unknown' end)
        when p_presented.refusal is not null then p_presented.refusal
        when p_presented.method not in ('desk', 'token') and p_presented.method <> all ((p_card.program).allowed_credentials) then 'credential_refused'
        when p_presented.method in ('sun', 'pay_code') and (p_presented.counter is null or p_presented.counter <= p_card.counter)
            then 'credential_replayed'
        when p_card.state = 'active' and (p_card.expires_on is null or p_card.expires_on >= p_business_date) then
            case
                when (p_card.program).scope_store_ids is not null and p_store <> all ((p_card.program).scope_store_ids) then 'out_of_scope'
                when p_currency <> (p_card.program).currency then 'currency_mismatch'
            end
        when p_card.state = 'issued' then 'card_not_active'
        when p_card.state = 'blocked' then 'card_blocked'
        when p_card.state = 'lost' then 'card_lost'
        when p_card.expires_on < p_business_date then 'card_expired'
        else 'card_closed'
    end;
end $$;
