-- Decides whether a card of a program may hold so much, by whatever way but a load it comes on: limit_balance, or null.
-- Writes down the rule where one decided. Minor units. Locks nothing.
create or replace function stored_value_refuse_balance(
    p_request ledger_request, p_program cards_program, p_balance bigint
) returns text language plpgsql as $$
declare
    v_rule uuid;
begin
    if p_balance > p_program.balance_max then
        return 'limit_balance';
    end if;
    v_rule := stored_value_balance_rule(p_program, p_request.business_date, p_balance);
    if v_rule is null then
        return null;
    end if;
    insert into ledger_answer_rule (answer_id, rule_id) values (p_request.id, v_rule);
    return 'limit_balance';
end $$;
