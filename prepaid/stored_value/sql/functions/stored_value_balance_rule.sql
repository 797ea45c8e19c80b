-- The rule in force on a day by which a card of a program may not hold so much; null where none stands against it. Minor
-- units. Locks nothing.
create or replace function stored_value_balance_rule(p_program cards_program, p_on date, p_balance bigint) returns uuid
language plpgsql stable as $$
begin
    if p_program.rule_set_id is null then
        return null;
    end if;
    return (
        select rule.id from stored_value_rules(p_program.rule_set_id, p_on) as rule
        where rule.field = 'max_balance' and p_balance > (rule.value #>> '{}')::bigint);
end $$;
