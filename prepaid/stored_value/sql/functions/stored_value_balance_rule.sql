-- Finds the rule in force on a business date by which a card may not hold so much; null where none stands against it. Minor
-- units. Locks nothing.
create or replace function stored_value_balance_rule(p_rule_set uuid, p_on date, p_balance bigint) returns uuid
language sql stable as $$
    select rule.id from stored_value_rules(p_rule_set, p_on) as rule
    where rule.field = 'max_balance' and p_balance > (rule.value #>> '{}')::bigint
$$;
