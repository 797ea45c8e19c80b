-- Declines by a rule of the law, which the answer tells as well: gives p_reason, or null where no rule stands against it.
create or replace function stored_value_decline_by(p_request ledger_request, p_rule uuid, p_reason text) returns text
language sql as $$
    insert into ledger_answer_rule (answer_id, rule_id)
    select p_request.id, p_rule where p_rule is not null returning p_reason
$$;
