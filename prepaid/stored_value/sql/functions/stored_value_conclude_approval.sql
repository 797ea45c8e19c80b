-- Writes down what came of carrying out what was approved, in the same commit: null p_reason where it was carried out.
create or replace function stored_value_conclude_approval(p_id uuid, p_reason text) returns setof ledger_approval
language sql security definer set search_path = pg_catalog, public, pg_temp as $$
    update ledger_approval
    set outcome = case when p_reason is null then 'executed' else 'declined' end, outcome_reason = p_reason
    where id = p_id and verdict in ('alone', 'approved') and outcome is null
    returning *
$$;
