-- Decides whether a card's account may hold so much after value came that is no load: limit_balance by its program or by
-- a rule, which is written down; else null. Minor units. Locks nothing.
create or replace function stored_value_refuse_balance(p_request ledger_request, p_card stored_value_card, p_balance bigint)
returns text language plpgsql as $$
declare
    v_rule uuid;
begin
    if p_balance > (p_card.program).balance_max then
        return 'limit_balance';
    end if;
    if (p_card.program).rule_set_id is not null then
        v_rule := stored_value_balance_rule((p_card.program).rule_set_id, p_request.business_date, p_balance);
    end if;
    return stored_value_decline_by(p_request, v_rule, 'limit_balance');
end $$;
