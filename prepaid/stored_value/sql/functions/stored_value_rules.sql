-- Gives the rules of a set that are in force on a business date: of each field the latest date, then the highest revision;
-- one whose value is null has ended. Locks nothing.
create or replace function stored_value_rules(p_rule_set uuid, p_on date) returns setof cards_rule
language sql stable as $$
    select * from (
        select distinct on (rule.field) rule.*
        from cards_rule as rule
        where rule.rule_set_id = p_rule_set and rule.effective_from <= p_on
        order by rule.field, rule.effective_from desc, rule.revision desc
    ) as latest
    where latest.value is not null
$$;
