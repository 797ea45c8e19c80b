-- Tells the cause behind a decline; null where its reason says enough. Volatile, so that it sees what the statement that
-- calls it has just written. Locks nothing.
create or replace function stored_value_told_cause(p_id uuid) returns text
language plpgsql volatile security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    return (select cause from ledger_answer_cause where answer_id = p_id);
end $$;
