-- Decides whether the rules in force on the business date let a card be returned for money (card_return), its small balance
-- be paid out (cash_out), or its value pass to another account (move); a replacement asks cards/rules/in_force.py. Gives
-- type_not_allowed and writes down the rule where one forbids it, else null. p_balance: minor units, for cash_out.
create or replace function stored_value_refuse_by_rule(
    p_request ledger_request, p_card stored_value_card, p_operation text, p_balance bigint default null
) returns text language plpgsql as $$
declare
    v_rule cards_rule;
begin
    if (p_card.program).rule_set_id is null then
        return null;
    end if;
    if p_operation = 'cash_out' and exists (
        select from stored_value_rules((p_card.program).rule_set_id, p_request.business_date) as small
        where small.field = 'small_balance_cashout'
            and ((small.value ->> 'below_cheapest_item')::boolean or p_balance < (small.value ->> 'below')::bigint))
    then
        return null;
    end if;
    select * into v_rule
    from stored_value_rules((p_card.program).rule_set_id, p_request.business_date) as rule
    where rule.value = 'false' and rule.field = case p_operation
        when 'card_return' then 'refund_allowed'
        when 'cash_out' then 'refund_allowed'
        when 'move' then 'transfer_allowed'
    end;
    return stored_value_decline_by(p_request, v_rule.id, 'type_not_allowed');
end $$;
