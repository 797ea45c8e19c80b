-- Declines with type_not_allowed for a cause that the answer tells as well.
create or replace function stored_value_decline_for(p_request ledger_request, p_cause text) returns text
language sql as $$
    insert into ledger_answer_cause (answer_id, cause) values (p_request.id, p_cause) returning 'type_not_allowed'
$$;
